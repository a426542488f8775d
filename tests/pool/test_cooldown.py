"""Cooldown: as long as the provider said, never invented for a whole account, never prolonged by skipped attempts."""

from addons.pool.cooldown import BACKOFF, Cooldown


def test_a_true_wait_is_kept_for_that_model_alone() -> None:
    cooldown = Cooldown()
    cooldown.limited("a", "m", 100.0, retry_after=30.0, cause="slow down")
    rest = cooldown.resting("a", "m", 129.0)
    assert rest is not None and rest.cause == "slow down"
    assert cooldown.resting("a", "m", 130.5) is None
    assert cooldown.resting("a", "other", 101.0) is None
    assert cooldown.resting("b", "m", 101.0) is None


def test_without_a_word_the_wait_is_short_and_grows() -> None:
    cooldown = Cooldown()
    now = 0.0
    for wait in (*BACKOFF, BACKOFF[-1]):
        rest = cooldown.limited("a", "m", now, retry_after=None, cause="429")
        assert rest.until - now == wait
        now = rest.until + 1


def test_success_forgets_the_growth() -> None:
    cooldown = Cooldown()
    cooldown.limited("a", "m", 0.0, retry_after=None, cause="429")
    cooldown.limited("a", "m", 10.0, retry_after=None, cause="429")
    cooldown.succeeded("a", "m")
    assert cooldown.resting("a", "m", 10.1) is None
    assert cooldown.limited("a", "m", 20.0, retry_after=None, cause="429").until == 20.0 + BACKOFF[0]


def test_a_shorter_word_does_not_shorten_a_longer_rest() -> None:
    cooldown = Cooldown()
    cooldown.limited("a", "m", 0.0, retry_after=60.0, cause="long")
    cooldown.limited("a", "m", 1.0, retry_after=5.0, cause="short")
    rest = cooldown.resting("a", "m", 30.0)
    assert rest is not None and rest.cause == "long"


def test_a_whole_credential_can_rest() -> None:
    cooldown = Cooldown()
    cooldown.rest("a", 50.0, "quota")
    assert cooldown.resting("a", "anything", 49.0) is not None
    assert cooldown.resting("a", "anything", 51.0) is None
