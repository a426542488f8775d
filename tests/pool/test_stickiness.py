"""A conversation stays where it was, for a while, and the memory of it is bounded."""

from addons.pool import stickiness
from addons.pool.stickiness import Stickiness


def test_held_until_it_was_quiet_too_long() -> None:
    sticky = Stickiness()
    sticky.hold("talk", "a", 0.0)
    assert sticky.held("talk", 299.0, 300.0) == "a"
    sticky.hold("talk", "b", 299.0)
    assert sticky.held("talk", 500.0, 300.0) == "b"
    assert sticky.held("talk", 600.0, 300.0) is None
    assert sticky.held("other", 0.0, 300.0) is None


def test_the_oldest_are_forgotten() -> None:
    sticky = Stickiness()
    for number in range(stickiness.MAX_CONVERSATIONS + 5):
        sticky.hold(str(number), "a", 0.0)
    assert sticky.held("0", 0.0, 300.0) is None
    assert sticky.held("5", 0.0, 300.0) == "a"
