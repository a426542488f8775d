"""Kiro's token services: refreshes of every kind of login, device codes, the exchange of a code (kiro.md §2, §3)."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from .ask import Json
from .records import Recorded

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = {
    "codewhisperer:completions",
    "codewhisperer:analysis",
    "codewhisperer:conversations",
    "codewhisperer:transformations",
    "codewhisperer:taskassist",
}
CLIENTS = ("Kiro IDE", "Kiro CLI", "Amazon Q Developer for command line")
CLIENT_ID, CLIENT_SECRET = "registered-client", "-".join(("registered", "client", "secret"))
Answer = tuple[int, Any]


@dataclass
class Logins:
    """`access` maps valid access tokens to the kind of their login, `refresh` good refresh tokens likewise. `pending`:
    polls that are told to wait before a device is authorised. `trouble` answers the next requests instead."""

    arn: str
    access: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    lifetime: int = 3600
    pending: int = 1
    trouble: list[Answer] = field(default_factory=list)
    grants: list[str] = field(default_factory=list)
    _devices: dict[str, int] = field(default_factory=dict)

    def answer(self, request: Recorded) -> Answer | None:
        """None for what is no path of these services."""
        handler = _PATHS.get(request.path)
        if handler is None or request.method != "POST":
            return None
        if self.trouble:
            return self.trouble.pop(0)
        return handler(self, request)

    def _issued(self, kind: str, old: str = "") -> tuple[str, str]:
        number = len(self.grants) + 1
        self.grants.append(kind)
        self.refresh.pop(old, None)
        access, refresh = f"access-{kind}-{number}", f"refresh-{kind}-{number}-".ljust(120, "r")
        self.access[access], self.refresh[refresh] = kind, kind
        return access, refresh

    # -- §2.1, §2.2, §2.3

    def social_refresh(self, request: Recorded) -> Answer:
        body = _json(request)
        if set(body) != {"refreshToken"} or self.refresh.get(body["refreshToken"]) != "social":
            return 400, {"error": "invalid_grant", "message": "Invalid refresh token provided"}
        access, refresh = self._issued("social", body["refreshToken"])
        return 200, {"accessToken": access, "refreshToken": refresh, "expiresIn": self.lifetime, "profileArn": self.arn}

    def token(self, request: Recorded) -> Answer:
        body = _json(request)
        known = body.get("clientId") == CLIENT_ID and body.get("clientSecret") == CLIENT_SECRET
        if not known:
            return 401, {"error": "invalid_client", "error_description": "Invalid client provided"}
        if body.get("grantType") == "refresh_token":
            if set(body) != {"clientId", "clientSecret", "refreshToken", "grantType"}:
                return 400, {"error": "invalid_request", "error_description": f"{sorted(body)}"}
            if self.refresh.get(body["refreshToken"]) != "idc":
                return 400, {"error": "invalid_grant", "error_description": "Invalid grant provided"}
            access, _ = self._issued("idc")  # no refresh token: the old one stays good
            return 200, {"accessToken": access, "expiresIn": self.lifetime, "tokenType": "Bearer"}
        if body.get("grantType") == DEVICE_GRANT:
            waiting = self._wait(str(body.get("deviceCode")))
            if waiting is not None:
                return 400, {"error": waiting, "error_description": waiting}
            access, refresh = self._issued("idc")
            return 200, {
                "accessToken": access,
                "refreshToken": refresh,
                "expiresIn": self.lifetime,
                "tokenType": "Bearer",
            }
        return 400, {"error": "unsupported_grant_type", "error_description": str(body.get("grantType"))}

    def external_token(self, request: Recorded) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        wanted = {"grant_type": "refresh_token", "client_id": "external-client", "scope": "openid offline_access"}
        if {name: form.get(name) for name in wanted} != wanted or self.refresh.get(form["refresh_token"]) != "external":
            return 400, {"error": "invalid_grant", "error_description": "AADSTS70000"}
        access, refresh = self._issued("external", form["refresh_token"])
        return 200, {"access_token": access, "refresh_token": refresh, "expires_in": self.lifetime}

    # -- §3.1

    def register(self, request: Recorded) -> Answer:
        body = _json(request)
        scopes, grants = set(body.get("scopes", [])), body.get("grantTypes")
        good = body.get("clientName") in CLIENTS and body.get("clientType") == "public" and scopes <= SCOPES and scopes
        if not good or grants != [DEVICE_GRANT, "refresh_token"]:
            return 400, {"error": "invalid_request", "error_description": f"{body}"}
        return 200, {
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "clientIdIssuedAt": 1_790_000_000,
            "clientSecretExpiresAt": 1_797_776_000,
        }

    def device(self, request: Recorded) -> Answer:
        body = _json(request)
        if (body.get("clientId"), body.get("clientSecret")) != (CLIENT_ID, CLIENT_SECRET) or not body.get("startUrl"):
            return 400, {"error": "invalid_request", "error_description": f"{sorted(body)}"}
        return 200, {**self._new_device(), "expiresIn": 600, "interval": 1}

    # -- §3.2

    def social_device(self, request: Recorded) -> Answer:
        body = _json(request)
        if body.get("clientId") != "kiro-cli" or body.get("loginProvider") not in ("Google", "Github"):
            return 400, {"message": f"{body}"}
        return 200, {**self._new_device(), "expiresInMilliseconds": 300_000, "intervalInMilliseconds": 1000}

    def social_poll(self, request: Recorded) -> Answer:
        body = _json(request)
        if set(body) != {"clientId", "deviceCode"} or body["clientId"] != "kiro-cli":
            return 400, {"message": f"{sorted(body)}"}
        waiting = self._wait(str(body["deviceCode"]))
        if waiting is not None:
            return 200, {"status": waiting}
        access, refresh = self._issued("social")
        answer: Json = {"accessToken": access, "refreshToken": refresh, "profileArn": self.arn}
        return 200, {**answer, "identityProvider": "Google", "expiresIn": self.lifetime}

    # -- §3.3

    def social_code(self, request: Recorded) -> Answer:
        body = _json(request)
        challenge = self.challenges.get(str(body.get("code")))
        verifier = str(body.get("code_verifier")).encode()
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        if challenge is None or made != challenge[0] or body.get("redirect_uri") != challenge[1]:
            return 400, {"error": "invalid_grant", "message": "Invalid code provided"}
        access, refresh = self._issued("social")
        return 200, {"accessToken": access, "refreshToken": refresh, "expiresIn": self.lifetime, "profileArn": self.arn}

    #: code → (challenge, redirect URI), as the browser's half of the login left them
    challenges: dict[str, tuple[str, str]] = field(default_factory=dict)

    def _new_device(self) -> Json:
        code = f"device-{len(self._devices) + 1}"
        self._devices[code] = self.pending
        where = "https://device.example/start"
        return {
            "deviceCode": code,
            "userCode": "ABCD-EFGH",
            "verificationUri": where,
            "verificationUriComplete": f"{where}?user_code=ABCD-EFGH",
        }

    def _wait(self, code: str) -> str | None:
        if code not in self._devices:
            return "expired_token"
        self._devices[code] -= 1
        return "authorization_pending" if self._devices[code] >= 0 else None


def _json(request: Recorded) -> Json:
    found = json.loads(request.raw or b"{}")
    return found if isinstance(found, dict) else {}


_PATHS = {
    "/refreshToken": Logins.social_refresh,
    "/token": Logins.token,
    "/external/token": Logins.external_token,
    "/client/register": Logins.register,
    "/device_authorization": Logins.device,
    "/oauth/device/authorization": Logins.social_device,
    "/oauth/device/poll": Logins.social_poll,
    "/oauth/token": Logins.social_code,
}
#: Path of a refresh → the rows of its headers in kiro_headers.py.
REFRESHES = {"/refreshToken": "refresh social", "/token": "refresh idc"}
