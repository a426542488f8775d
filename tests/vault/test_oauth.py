"""The refresh grant as services speak it: what is posted, what an answer means, when a login is over."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from addons.vault.oauth import OAuth, RefreshError, renewed, request_body
from addons.vault.tokens import Token

OLD = Token("old-access", "old-refresh", 900.0, {"account_id": "a-1"})
PLAIN = OAuth("https://auth.example/token", client_id="client-1")
#: kiro.md §2.2
CAMEL = OAuth(
    "https://auth.example/token",
    body="json",
    request={"grant_type": "grantType", "refresh_token": "refreshToken", "client_id": "clientId"},
    answer={"access_token": "accessToken", "refresh_token": "refreshToken", "expires_in": "expiresIn"},
)


def answered(how: OAuth, body: Any, status: int = 200, **headers: str) -> Token:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return renewed(how, OLD, status, {n.replace("_", "-"): v for n, v in headers.items()}, raw, 1000.0)


def test_a_form_is_posted_without_what_there_is_not():
    headers, body = request_body(PLAIN, OLD, "client-1", "")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(body.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["old-refresh"],
        "client_id": ["client-1"],
    }


def test_names_and_form_are_the_services_own():
    how = OAuth(CAMEL.token_url, body="json", request=CAMEL.request, parameters={"scope": "all"})
    headers, body = request_body(how, OLD, "c", "s")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "grantType": "refresh_token",
        "refreshToken": "old-refresh",
        "clientId": "c",
        "client_secret": "s",
        "scope": "all",
    }


def test_a_client_may_have_to_name_itself_in_a_header():
    headers, _ = request_body(OAuth("https://x", basic=True), OLD, "id", "a:b")
    assert headers["authorization"] == "Basic " + base64.b64encode(b"id:a%3Ab").decode()


def test_a_rotated_token_replaces_the_old_one():
    token = answered(PLAIN, {"access_token": "new", "refresh_token": "next", "expires_in": 3600, "id_token": "i"})
    assert (token.access, token.refresh, token.expires) == ("new", "next", 4600.0)
    assert token.extra["id_token"] == "i"
    assert token.extra["account_id"] == "a-1"


@pytest.mark.parametrize("refresh", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_an_answer_without_a_refresh_token_keeps_the_old_one(refresh: dict[str, Any]):
    assert answered(PLAIN, {"access_token": "new", **refresh}).refresh == "old-refresh"


def test_an_answer_in_the_services_own_names():
    token = answered(CAMEL, {"accessToken": "new", "refreshToken": "next", "expiresIn": "60"})
    assert (token.access, token.refresh, token.expires) == ("new", "next", 1060.0)


def test_an_expiry_may_be_a_moment_or_nothing():
    assert answered(PLAIN, {"access_token": "new", "expires_at": 5000}).expires == 5000
    assert answered(PLAIN, {"access_token": "new"}).expires is None


REFUSALS: dict[str, tuple[Any, int, bool]] = {
    "the standard's word": ({"error": "invalid_grant", "error_description": "gone"}, 400, True),
    "codex: an object": ({"error": {"code": "refresh_token_reused", "message": "used"}}, 401, True),
    "codex: a bare code": ({"code": "refresh_token_expired"}, 401, True),
    "google: busy": ({"error": "temporarily_unavailable"}, 503, False),
    "iflow: refused in a 200": ({"success": False, "code": "500", "message": "try later"}, 200, False),
    "too many": ({"error": {"type": "rate_limit_error"}}, 429, False),
    "no token": ({"access_token": None}, 200, False),
    "an empty object": ({}, 200, False),
    "a page": (b"<html>are you human?</html>", 200, False),
    "a list": ([], 200, False),
    "nothing": (b"", 502, False),
}


@pytest.mark.parametrize(("body", "status", "final"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_whether_the_login_is_over(body: Any, status: int, final: bool):
    with pytest.raises(RefreshError) as caught:
        answered(PLAIN, body, status)
    assert caught.value.final is final
    assert f"HTTP {status}" in str(caught.value)
    assert "old-refresh" not in str(caught.value)


def test_a_status_can_end_a_login_whatever_it_says():
    with pytest.raises(RefreshError) as caught:
        answered(OAuth("https://x", terminal_statuses=(401,)), {"message": "no"}, 401)
    assert caught.value.final


def test_a_wait_is_taken_from_the_header():
    with pytest.raises(RefreshError) as caught:
        answered(PLAIN, {"error": "slow_down"}, 429, retry_after="17")
    assert caught.value.retry_after == 17
