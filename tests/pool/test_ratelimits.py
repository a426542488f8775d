"""What headers say of limits, by the tables of the manifests, and who rests for it."""

import pytest

from addons.pool.ratelimits import longest, spent
from addons.providers.limit_headers import LimitHeaders, read
from addons.providers.quota import Quota
from addons.providers.registry import built_in

REGISTRY = built_in()
NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z


def seen(provider: str, headers: dict[str, str], model: str = "m") -> dict[str, tuple[float, float | None, float]]:
    quotas = read(REGISTRY.get(provider).manifest.limits, headers, model, NOW)
    assert all(quota.seen == NOW and quota.source in headers for quota in quotas)
    return {quota.counts: (quota.remaining, quota.limit, quota.resets - NOW) for quota in quotas}


def test_anthropics_limits_are_read() -> None:
    headers = {
        f"anthropic-ratelimit-{what}-{part}": value
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
        for part, value in (("limit", "50"), ("remaining", "7"), ("reset", "2023-11-14T22:14:20Z"))
    }
    assert seen("anthropic", headers) == dict.fromkeys(
        ("requests", "tokens", "input tokens", "output tokens"), (7, 50, 60)
    )
    assert seen("anthropic_compatible", headers) == seen("anthropic", headers)


def test_openais_limits_are_read() -> None:
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "20ms",
    }
    told = {"requests": (59, 60, 360), "tokens": (0, 150000, pytest.approx(0.02, abs=1e-6))}
    for provider in ("openai", "openai_compatible", "groq"):
        assert seen(provider, headers) == told


@pytest.mark.parametrize(
    ("form", "text", "date", "seconds"),
    [
        ("duration", "1s", "", 1),
        ("duration", "6m0s", "", 360),
        ("duration", "1h2m3.5s", "", 3723.5),
        ("duration", "2d1h", "", 176400),
        ("duration", "7.66s", "", 7.66),
        ("duration", "12", "", 12),
        ("seconds", "12.5", "", 12.5),
        ("rfc3339", "2023-11-14T22:13:50Z", "", 30),
        ("rfc3339", "2023-11-14T23:13:50+01:00", "", 30),
        ("rfc3339", "2023-11-14T22:13:50.5Z", "", 30.5),
        ("rfc3339", "2023-11-14T22:13:50Z", "Tue, 14 Nov 2023 22:13:40 GMT", 10),  # their clock is ahead of ours
        ("rfc3339", "2023-11-14T22:13:50Z", "yesterday", 30),
        ("epoch", "1700000045", "", 45),
        ("epoch", "1700000045000", "", 45),
    ],
)
def test_a_reset_is_read_in_its_form(form: str, text: str, date: str, seconds: float) -> None:
    rows = [LimitHeaders("requests", "left", reset="reset", format=form)]
    (quota,) = read(rows, {"left": "0", "reset": text, "date": date}, "m", NOW)
    assert quota.resets - NOW == pytest.approx(seconds, abs=1e-5)


@pytest.mark.parametrize("form", ["duration", "seconds", "rfc3339", "epoch"])
@pytest.mark.parametrize("text", ["", "soon", "-5s", "nan", "1e99", "9999-01-01T00:00:00Z", "0001-01-01"])
def test_a_reset_that_makes_no_sense_is_none(form: str, text: str) -> None:
    rows = [LimitHeaders("requests", "left", reset="reset", format=form)]
    (quota,) = read(rows, {"left": "0", "reset": text}, "m", NOW)
    assert quota.resets == 0
    assert spent([quota], 1.0, NOW) == []


@pytest.mark.parametrize("remaining", ["", "many", "-1", "inf"])
def test_a_remainder_that_makes_no_sense_is_left_out(remaining: str) -> None:
    assert read([LimitHeaders("requests", "left")], {"left": remaining}, "m", NOW) == []


def test_none_of_none_is_no_limit() -> None:
    assert read([LimitHeaders("requests", "left", limit="of")], {"left": "0", "of": "0"}, "m", NOW) == []


def test_a_limit_is_a_models_or_the_whole_accounts() -> None:
    rows = [LimitHeaders("requests", "a"), LimitHeaders("tokens", "b", scope="account")]
    assert [quota.model for quota in read(rows, {"a": "1", "b": "2"}, "m", NOW)] == ["m", None]


def quota(remaining: float, limit: float | None = 100.0, resets: float = NOW + 60, model: str | None = "m") -> Quota:
    return Quota("requests", remaining, limit, resets, model, "left")


@pytest.mark.parametrize(
    ("told", "reserve", "is_spent"),
    [
        (quota(0), 0.0, True),
        (quota(1), 0.0, False),
        (quota(9), 0.1, True),
        (quota(10), 0.1, False),
        (quota(9, limit=None), 0.1, False),
        (quota(0, limit=None), 0.0, True),
        (quota(0, resets=NOW - 1), 0.0, False),
        (quota(0, resets=0.0), 0.0, False),
    ],
)
def test_a_limit_is_spent_when_nothing_or_less_than_the_reserve_is_left(
    told: Quota, reserve: float, is_spent: bool
) -> None:
    assert bool(spent([told], reserve, NOW)) is is_spent


def test_the_limit_that_waits_longest_decides_for_each() -> None:
    short, long, account = quota(0), quota(0, resets=NOW + 90), quota(0, model=None)
    assert longest([short, long, account]) == {"m": long, None: account}


def test_the_cause_tells_what_is_short_and_who_says_so() -> None:
    assert quota(3).cause == "3 of 100 requests left (left)"
    assert quota(0, limit=None).cause == "0 requests left (left)"
