"""An authorization server on a real socket, as strict as RFC 6749, 7636 and 8628 allow: what is not asked for rightly
is refused, and said."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.loopback import Asked, Loopback

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class Post:
    path: str
    headers: dict[str, str]
    fields: dict[str, Any]


@dataclass
class Rules:
    """What the server takes: `redirects` are the registered ones, without their port; `body` form or json."""

    client_id: str = "the-client"
    client_secret: str = ""
    scope: str = "read write"
    redirects: tuple[str, ...] = ("http://127.0.0.1/callback", "http://localhost/callback")
    body: str = "form"
    basic: bool = False
    pkce: bool = True
    query: dict[str, str] = field(default_factory=dict)  # further parameters of the authorize URL


class AuthServer:
    """`polls` are answers (status, body) to a device's polls, in turn; then it is granted. `refused` is what went
    wrong, for a test to look at."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.posts: list[Post] = []
        self.authorized: list[dict[str, str]] = []
        self.refused: list[str] = []
        self.polls: deque[tuple[int, Any]] = deque()
        self.device: dict[str, Any] = {"interval": 5, "expires_in": 600}
        self.answer: dict[str, Any] = {"account": "a-1"}
        self._codes: dict[str, dict[str, str]] = {}
        self._device_challenge = ""
        self._server = Loopback(lambda asked: (*self._posted(asked), {}))
        self.base, self.close = self._server.url, self._server.close

    def sign_in(self, url: str, **changes: str) -> str:
        """What the browser's user does with an authorize URL; → where the browser is sent, with `changes` to it."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == self.base + "/authorize"
        pairs = parse_qsl(parts.query, strict_parsing=True)
        asked = dict(pairs)
        assert len(asked) == len(pairs), "a parameter is given twice"
        wanted = {"response_type", "client_id", "redirect_uri", "scope", "state", *self.rules.query}
        wanted |= {"code_challenge", "code_challenge_method"} if self.rules.pkce else set()
        assert set(asked) == wanted
        assert asked["response_type"] == "code"
        assert (asked["client_id"], asked["scope"]) == (self.rules.client_id, self.rules.scope)
        assert {name: asked[name] for name in self.rules.query} == self.rules.query
        assert len(asked["state"]) >= 22, "128 bits at least"
        if self.rules.pkce:
            assert asked["code_challenge_method"] == "S256"
            assert len(asked["code_challenge"]) == 43
        redirect = urlsplit(asked["redirect_uri"])
        assert f"{redirect.scheme}://{redirect.hostname}{redirect.path}" in self.rules.redirects
        self.authorized.append(asked)
        code = f"code-{len(self.authorized)}"
        self._codes[code] = asked
        query = {"code": code, "state": asked["state"], **changes}
        return asked["redirect_uri"] + "?" + urlencode({k: v for k, v in query.items() if v})

    def _posted(self, asked: Asked) -> tuple[int, Any]:
        lower, path = asked.headers, asked.path
        kind = {"form": "application/x-www-form-urlencoded", "json": "application/json"}[self.rules.body]
        if lower.get("content-type") != kind:
            return self._refuse(f"content-type is {lower.get('content-type')}")
        if self.rules.body == "json":
            fields = json.loads(asked.body)
        else:
            fields = {name: values[0] for name, values in parse_qs(asked.body.decode(), strict_parsing=True).items()}
        self.posts.append(Post(path, lower, fields))
        if self.rules.basic:
            pair = base64.b64encode(f"{self.rules.client_id}:{self.rules.client_secret}".encode()).decode()
            if lower.get("authorization") != f"Basic {pair}":
                return self._refuse("no Basic authorization", "invalid_client")
        if path == "/device":
            return self._begin_device(fields)
        if path == "/token" and fields.get("grant_type") == DEVICE_GRANT:
            return self._polled(fields)
        if path == "/token":
            return self._exchange(fields)
        return 404, {"error": "not_found"}

    def _exchange(self, fields: dict[str, Any]) -> tuple[int, Any]:
        wanted = {"grant_type", "code", "redirect_uri", "client_id"}
        wanted |= {"code_verifier"} if self.rules.pkce else set()
        wanted |= {"client_secret"} if self.rules.client_secret else set()
        if set(fields) != wanted or fields["grant_type"] != "authorization_code":
            return self._refuse(f"fields {sorted(fields)}")
        asked = self._codes.pop(fields["code"], None)  # good once
        if asked is None:
            return self._refuse("no such code", "invalid_grant")
        if asked["redirect_uri"] != fields["redirect_uri"]:
            return self._refuse("another redirect_uri", "invalid_grant")
        if self.rules.pkce and challenge(fields["code_verifier"]) != asked["code_challenge"]:
            return self._refuse("the verifier does not fit", "invalid_grant")
        return self._granted()

    def _begin_device(self, fields: dict[str, Any]) -> tuple[int, Any]:
        wanted = {"client_id", "scope"} | ({"code_challenge", "code_challenge_method"} if self.rules.pkce else set())
        if set(fields) != wanted:
            return self._refuse(f"fields {sorted(fields)}")
        self._device_challenge = fields.get("code_challenge", "")
        page = "https://login.example/device"
        known = {
            "device_code": "the-device-code",
            "user_code": "WDJB-MJHT",
            "verification_uri": page,
            "verification_uri_complete": page + "?user_code=WDJB-MJHT",
        }
        return 200, {**known, **self.device}

    def _polled(self, fields: dict[str, Any]) -> tuple[int, Any]:
        wanted = {"grant_type", "device_code", "client_id"} | ({"code_verifier"} if self.rules.pkce else set())
        if set(fields) != wanted or fields["device_code"] != "the-device-code":
            return self._refuse(f"fields {sorted(fields)}")
        if self.rules.pkce and challenge(fields["code_verifier"]) != self._device_challenge:
            return self._refuse("the verifier does not fit", "invalid_grant")
        return self.polls.popleft() if self.polls else self._granted()

    def _granted(self) -> tuple[int, Any]:
        known = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600, "token_type": "Bearer"}
        return 200, {**known, **self.answer}

    def _refuse(self, why: str, code: str = "invalid_request") -> tuple[int, Any]:
        self.refused.append(why)
        return 400, {"error": code, "error_description": why}


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
