"""How long a service asks to wait, in each of its ways of saying so."""

from __future__ import annotations

import pytest

from translators.canonical import waits

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
DATED = 1_792_567_680  # the same in seconds since 1970

HEADERS: dict[str, tuple[dict[str, str], float | None]] = {
    "nothing": ({}, None),
    "seconds": ({"retry-after": "7"}, 7),
    "at once": ({"retry-after": "0"}, 0),
    "a fraction": ({"retry-after": "0.5"}, 0.5),
    "spaces around": ({"retry-after": " 7 "}, 7),
    "a duration": ({"retry-after": "6m0s"}, 360),
    "milliseconds": ({"retry-after-ms": "1500"}, 1.5),
    "milliseconds are more exact": ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
    "an hour of milliseconds": ({"retry-after-ms": "3600000"}, 3600),
    "milliseconds that are none": ({"retry-after-ms": "soon", "retry-after": "2"}, 2),
    "a date": ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30),
    "a date that is past": ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 0),
    "a date in another zone": ({"retry-after": "Wed, 21 Oct 2026 09:28:30 +0200", "date": DATE}, 30),
    "a date without a zone": ({"retry-after": "Wed Oct 21 07:28:30 2026", "date": DATE}, 30),
    "a date, and no clock to read it by": ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
    "a date, and no date to read it by": ({"retry-after": DATE, "date": "today"}, None),
    "a date of another century": ({"retry-after": "Wed, 21 Oct 2126 07:28:30 GMT", "date": DATE}, None),
    "a year of twenty digits": ({"retry-after": "Wed, 21 Oct 99999999999999999999 07:28:30 GMT", "date": DATE}, None),
    "a zone of twenty digits": ({"retry-after": "Wed, 21 Oct 2026 07:28:30 +99999999999999999999"}, None),
    "words": ({"retry-after": "soon"}, None),
    "negative": ({"retry-after": "-5"}, None),
    "no number": ({"retry-after": "nan"}, None),
    "endless": ({"retry-after": "inf"}, None),
    "too many digits": ({"retry-after": "9" * 400}, None),
    "the longest": ({"retry-after": f"{waits.LONGEST:.0f}"}, waits.LONGEST),
    "longer than the longest": ({"retry-after": f"{waits.LONGEST + 1:.0f}"}, None),
}


@pytest.mark.parametrize(("headers", "seconds"), HEADERS.values(), ids=HEADERS)
def test_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert waits.from_headers(headers) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("1h2m3.5s", 3723.5),
        ("2d1h", 176_400),
        ("20ms", 0.02),
        ("1m30s", 90),
        ("2 hours", 7200),
        ("1 minute 5 seconds", 65),
        ("1.5", 1.5),
        (" 12 ", 12),
        ("", None),
        ("s", None),
        ("5 models", None),
        ("6m0", None),
        ("-1s", None),
        ("40d", None),
        ("9" * 400 + "s", None),
    ],
)
def test_a_duration(text: str, seconds: float | None) -> None:
    found = waits.duration(text)
    assert found == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 7.66s. Visit", 7.66),
        ("Please try again in 20ms. Visit", 0.02),
        ("Please try again in 1h2m3s.", 3723),
        ("try again in 2 hours", 7200),
        ("Please retry after 12 seconds.", 12),
        ("Quota exceeded. Please retry in 34.07s.", 34.07),
        ("TRY AGAIN IN 3 SECONDS", 3),
        ("try again in 5 models", None),
        ("try again in a moment", None),
        ("It took 5s.", None),
        ("", None),
    ],
)
def test_the_words_of_a_message(message: str, seconds: float | None) -> None:
    assert waits.in_words(message) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(5, 5), (0, 0), (1.5, 1.5), (-1, None), (True, None), ("5", None), (None, None), (10**400, None)],
)
def test_a_number_of_a_body(number: object, seconds: float | None) -> None:
    assert waits.believed(number) == seconds


def test_a_number_of_a_body_may_count_milliseconds() -> None:
    assert waits.believed(1500, 0.001) == 1.5
    assert waits.believed(waits.LONGEST * 1000, 0.001) == pytest.approx(waits.LONGEST)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (DATED + 60, 60),
        (DATED - 60, 0),
        (-(10**400), 0),
        (10**400, None),
        (DATED + waits.LONGEST + 1, None),
        (True, None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_moment_of_a_body_is_read_by_the_answers_own_clock(moment: object, seconds: float | None) -> None:
    assert waits.until(moment, {"date": DATE}) == seconds
    assert waits.until(moment, {}) is None
