"""Times and paths in the files of tools: every way of writing them is read, and written again as it was."""

from __future__ import annotations

import base64
import json

import pytest

from addons.vault.tokens import Token, at, json_object, jwt_claims, jwt_expiry, like, put, seconds

MOMENT = 1_789_398_000.0  # 2026-09-14T15:00:00Z


@pytest.mark.parametrize(
    "written",
    [
        1_789_398_000,
        1_789_398_000_000,
        1_789_398_000.0,
        "1789398000",
        "1789398000000",
        "2026-09-14T15:00:00Z",
        "2026-09-14T15:00:00.000Z",
        "2026-09-14T15:00:00.000000123Z",
        "2026-09-14T17:00:00+02:00",
        "2026-09-14T15:00:00",
    ],
)
def test_a_point_in_time_is_read_however_it_is_written(written: object):
    assert seconds(written) == pytest.approx(MOMENT)


@pytest.mark.parametrize("written", [None, True, False, "", "soon", "nan", "inf", -5, 0, 1e300, [], {}])
def test_what_is_no_time_is_none(written: object):
    assert seconds(written) is None


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (1_700_000_000_000, 1_789_398_000_000),
        (1_700_000_000, 1_789_398_000),
        ("1700000000000", "1789398000000"),
        ("1700000000", "1789398000"),
        ("2024-01-01T00:00:00Z", "2026-09-14T15:00:00.000Z"),
        (None, 1_789_398_000_000),
    ],
)
def test_a_time_is_written_as_the_one_before_it(known: object, expected: object):
    assert like(known, MOMENT, "ms") == expected


def test_a_value_is_put_at_its_path_and_all_else_stays():
    data = {"a": {"b": 1, "kept": [1]}, "c": "text"}
    assert put(data, ("a", "b"), 2) == {"a": {"b": 2, "kept": [1]}, "c": "text"}
    assert put(data, ("c", "d"), 2)["c"] == {"d": 2}
    assert data["a"] == {"b": 1, "kept": [1]}
    assert at(data, ("a", "b")) == 1
    assert at(data, ("c", "d", "e")) is None


def jwt(claims: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{middle}.signature"


def test_the_expiry_of_a_jwt_is_in_its_claims():
    assert jwt_expiry(jwt({"exp": MOMENT})) == MOMENT


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.b", "..", jwt([]), jwt({}), jwt({"exp": "x"}), "a.é.c"])
def test_what_is_no_jwt_has_no_expiry(token: str):
    assert jwt_expiry(token) is None


def test_what_a_jwt_says():
    assert jwt_claims(jwt({"email": "a@b.c"})) == {"email": "a@b.c"}


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.é.c", jwt([]), None, 5])
def test_what_is_no_jwt_says_nothing(token: object):
    assert jwt_claims(token) == {}


@pytest.mark.parametrize("text", [None, 5, "", "[1]", "null", '{"a":', b"\xff", "[" * 200_000])
def test_what_is_no_json_object_is_an_empty_one(text: object):
    assert json_object(text) == {}
    assert json_object('{"a": 18446744073709551617}') == {"a": 2**64 + 1}, "to the last digit"


def test_a_token_is_usable_until_shortly_before_it_expires():
    token = Token("access", expires=100.0)
    assert token.usable(60.0, 30.0)
    assert not token.usable(70.0, 30.0)
    assert Token("access").usable(1e12)
    assert not Token("", "refresh").usable(0.0)


def test_tokens_do_not_show_in_a_log():
    assert "hush" not in repr(Token("hush-1", "hush-2", 1.0, {"id_token": "hush-3"}))
