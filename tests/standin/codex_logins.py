"""OpenAI's account service as Codex knows it: browser and device login, and a refresh token that is good once
(codex.md §1.1, §2, §3)."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .ask import Json
from .records import Recorded

CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann"
REDIRECTS = ("http://localhost:1455/auth/callback", "http://localhost:1457/auth/callback")
DEVICE_REDIRECT = "/deviceauth/callback"
SCOPES = {"openid", "profile", "email", "offline_access"}
CLAIM = "https://api.openai.com/auth"
ACCOUNT, EMAIL, PLAN = "0b9a3c1e-1111-4222-8333-944455556666", "somebody@example.com", "plus"
Told = tuple[int, Json]
#: No two services give out the same refresh token.
_NUMBERS = itertools.count(1)


def jwt(claims: Json) -> str:
    """A token of that shape; nobody checks its signature."""

    def part(value: Json) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return ".".join((part({"alg": "RS256"}), part(claims), "c2lnbmF0dXJl"))


@dataclass
class Logins:
    """`valid` are the access tokens that the service takes; `posts` what it was asked for; `trouble` (status, body) is
    answered instead, once. `lifetime` in seconds. `leaves_out`: fields missing in the answers to refreshes."""

    account: str = ACCOUNT
    lifetime: float = 10 * 86400.0
    valid: set[str] = field(default_factory=set)
    refresh: str = ""
    posts: list[Json] = field(default_factory=list)
    trouble: list[Told] = field(default_factory=list)
    leaves_out: tuple[str, ...] = ()
    device_waits: int = 1
    _challenges: dict[str, tuple[str, str]] = field(default_factory=dict)  # code → challenge, redirect
    _spent: set[str] = field(default_factory=set)
    _count: int = 0

    def issue(self) -> Json:
        """A new login, as the token endpoint gives it out."""
        self._count += 1
        auth = {"chatgpt_account_id": self.account, "chatgpt_plan_type": PLAN, "chatgpt_user_id": "user-1"}
        expires = round(time.time() + self.lifetime)
        access = jwt({"exp": expires, "jti": self._count, CLAIM: auth})
        identity = jwt({"exp": round(time.time() + 3600), "jti": self._count, "email": EMAIL, CLAIM: auth})
        self._spent.add(self.refresh)
        self.refresh = f"rt_{next(_NUMBERS)}"
        self.valid = {access}
        return {
            "id_token": identity,
            "access_token": access,
            "refresh_token": self.refresh,
            "token_type": "Bearer",
            "expires_in": round(self.lifetime),
        }

    def auth_json(self, **changes: Any) -> str:
        """The file that the CLI writes after a login (§1)."""
        issued = self.issue()
        tokens = {name: issued[name] for name in ("id_token", "access_token", "refresh_token")}
        content = {
            "auth_mode": "chatgpt",
            "OPENAI_API_KEY": None,
            "tokens": {**tokens, "account_id": self.account},
            "last_refresh": "2026-08-01T10:00:00.000000Z",
            "agent_identity": None,
        }
        return json.dumps({**content, **changes}, indent=2)

    def answer(self, request: Recorded) -> Told | None:
        """To a request of the account service; None for a path that it does not have."""
        if request.path == "/oauth/token" and request.method == "POST":
            return self._token(self._fields(request))
        if request.path == "/api/accounts/deviceauth/usercode":
            asked = self._fields(request)
            if asked != {"client_id": CLIENT_ID}:
                return 400, {"error": {"code": "invalid_request", "message": f"{asked}"}}
            return 200, {"device_auth_id": "device-1", "user_code": "ABCD-EFGH", "interval": "5"}
        if request.path == "/api/accounts/deviceauth/token":
            if self._fields(request) != {"device_auth_id": "device-1", "user_code": "ABCD-EFGH"}:
                return 400, {"error": {"code": "invalid_request"}}
            if self.device_waits:
                self.device_waits -= 1
                return 403, {"error": {"code": "authorization_pending"}}
            verifier = "v" * 43
            self._challenges["device-code"] = (_challenge(verifier), DEVICE_REDIRECT)
            told = {"authorization_code": "device-code", "code_challenge": _challenge(verifier)}
            return 200, {**told, "code_verifier": verifier}
        return None

    def sign_in(self, url: str) -> str:
        """What a browser does with the authorize URL: → where it is sent afterwards. Raises AssertionError for a URL
        that the service would not take."""
        query = dict(parse_qsl(url.partition("?")[2]))
        assert query["response_type"] == "code" and query["client_id"] == CLIENT_ID, query
        assert query["redirect_uri"] in REDIRECTS, query
        assert set(query["scope"].split()) >= SCOPES and query["code_challenge_method"] == "S256", query
        assert query["id_token_add_organizations"] == query["codex_cli_simplified_flow"] == "true", query
        self._challenges["browser-code"] = (query["code_challenge"], query["redirect_uri"])
        return query["redirect_uri"] + "?" + urlencode({"code": "browser-code", "state": query["state"]})

    def _fields(self, request: Recorded) -> Json:
        if request.headers.get("content-type", "").startswith("application/json"):
            found: Json = json.loads(request.raw)
        else:
            found = dict(parse_qsl(request.raw.decode()))
        self.posts.append(found)
        return found

    def _token(self, asked: Json) -> Told:
        if self.trouble:
            return self.trouble.pop(0)
        if asked.get("client_id") != CLIENT_ID:
            return 401, {"error": {"code": "invalid_client"}}
        if asked.get("grant_type") == "authorization_code":
            challenge, redirect = self._challenges.pop(asked.get("code", ""), ("", "nowhere"))
            fits = _challenge(asked.get("code_verifier", "")) == challenge
            if not fits or not asked.get("redirect_uri", "").endswith(redirect):
                return 400, {"error": {"code": "invalid_grant", "message": "code, verifier or redirect_uri is wrong"}}
            return 200, self.issue()
        if asked.get("grant_type") != "refresh_token" or asked.keys() - {
            "client_id",
            "grant_type",
            "refresh_token",
            "scope",
        }:
            return 400, {"error": {"code": "unsupported_grant_type", "message": f"{sorted(asked)}"}}
        if asked.get("refresh_token") in self._spent:
            return 401, {"error": {"code": "refresh_token_reused"}}
        if asked.get("refresh_token") != self.refresh:
            return 401, {"error": {"code": "refresh_token_invalidated"}}
        return 200, {name: value for name, value in self.issue().items() if name not in self.leaves_out}


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
