"""Pacing and concurrency: off unless set, exact when set."""

import pytest

from addons.pool.limits import Limits, number


def test_without_settings_nothing_waits() -> None:
    limits = Limits()
    for _ in range(100):
        limits.started("a", {}, 0.0)
    assert limits.wait("a", {}, 0.0) == 0.0


def test_requests_per_minute_count_over_the_last_minute() -> None:
    limits, settings = Limits(), {"requests_per_minute": 2}
    limits.started("a", settings, 0.0)
    assert limits.wait("a", settings, 1.0) == 0.0
    limits.started("a", settings, 10.0)
    assert limits.wait("a", settings, 20.0) == 40.0
    assert limits.wait("a", settings, 60.5) == 0.0
    limits.started("a", settings, 60.5)
    assert limits.wait("a", settings, 61.0) == 9.0


def test_an_interval_between_two() -> None:
    limits, settings = Limits(), {"min_interval": 1.5}
    limits.started("a", settings, 0.0)
    assert limits.wait("a", settings, 1.0) == 0.5
    assert limits.wait("a", settings, 2.0) <= 0.0


def test_as_many_at_a_time_as_allowed() -> None:
    limits, settings = Limits(), {"max_concurrent": 2}
    limits.started("a", settings, 0.0)
    limits.started("a", settings, 0.0)
    assert limits.wait("a", settings, 0.0) > 0 and limits.busy("a") == 2
    limits.ended("a")
    assert limits.wait("a", settings, 0.0) == 0.0
    assert limits.wait("b", settings, 0.0) == 0.0


@pytest.mark.parametrize(
    ("value", "number_of_it"),
    [(3, 3), (0.5, 0.5), ("3", 3), (" 10% ", 0.1), ("many", None), (True, None), (0, None), (-1, None), ("nan", None)],
)
def test_a_number_may_be_written_as_text(value: object, number_of_it: float | None) -> None:
    assert number({"x": value}, "x") == number_of_it
    assert number({}, "x") is None
