"""The ChatGPT backend of Codex in front of the stand-in, with its account service (codex.md): refuses what the sheet's
tables do not have, streams alone, and says in every answer's headers what is left of the plan."""

from __future__ import annotations

import json
import time
from typing import Any

from .app import App, Reply
from .ask import Json, Refusal, bearer
from .bodies import decoded
from .codex_logins import Logins
from .codex_tables import BASE, USAGE, body_trouble, catalogue, header_trouble
from .failures import Status
from .records import Recorded
from .server import StandIn
from .wire import dumps, event

#: codex.md §7: mostly on WebSockets, and may come before `response.created`.
RATE_LIMITS: Json = {
    "type": "codex.rate_limits",
    "plan_type": "plus",
    "rate_limits": {"primary": {"used_percent": 12, "window_minutes": 300, "reset_at": 4_000_000_000}},
    "credits": {"has_credits": False, "unlimited": False, "balance": None},
}
CLOUDFLARE = b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body></body></html>"


def limit_headers(primary: float = 12, secondary: float = 34, **more: str) -> dict[str, str]:
    """Those of §9."""
    return {
        "x-codex-primary-used-percent": f"{primary:g}",
        "x-codex-primary-window-minutes": "300",
        "x-codex-primary-reset-at": str(round(time.time()) + 3600),
        "x-codex-secondary-used-percent": f"{secondary:g}",
        "x-codex-secondary-window-minutes": "10080",
        "x-codex-secondary-reset-at": str(round(time.time()) + 86400),
        "x-codex-plan-type": "plus",
        "x-codex-credits-has-credits": "False",
        **{f"x-codex-{name.replace('_', '-')}": value for name, value in more.items()},
    }


def usage_limit(seconds: int = 7200) -> Status:
    """The plan's window is spent (§10)."""
    error = {
        "type": "usage_limit_reached",
        "message": "The usage limit has been reached",
        "plan_type": "plus",
        "resets_at": round(time.time()) + seconds,
        "resets_in_seconds": seconds,
    }
    return Status(429, limit_headers(primary=100), {"error": error})


class CodexApp(App):
    def answer(self, request: Recorded) -> Reply:
        standin = self.standin
        assert isinstance(standin, CodexStandIn)
        told = standin.logins.answer(request)
        if told is not None:
            return self.json_reply(*told)
        if bearer(request.headers) not in standin.logins.valid:
            body = {"error": {"message": "Provided authentication token is expired.", "code": "token_expired"}}
            return self.refused(request, Refusal(401, {**body, "status": 401}, "token_expired", "codex"))
        if request.headers.get("chatgpt-account-id") != standin.logins.account:
            return self.no(request, "Workspace is not part of this login", 403)
        endpoint = "generate" if request.path == f"{BASE}/responses" else "other"
        if trouble := header_trouble(dict(request.headers), endpoint):
            return self.no(request, trouble)
        if request.path == USAGE and request.method == "GET":
            return self.json_reply(200, standin.usage)
        if request.path == f"{BASE}/models" and request.method == "GET":
            if set(request.query) != {"client_version"}:
                return self.no(request, "client_version is required")
            return self.json_reply(200, catalogue(standin.models))
        if request.method != "POST" or request.path not in (f"{BASE}/responses", f"{BASE}/responses/compact"):
            return self.no(request, "Not Found", 404)
        body = request.json = decoded(request.raw, request.headers)
        if request.path.endswith("/compact"):
            return self.json_reply(200, {"output": [{"type": "compaction", "encrypted_content": "c29tZXRoaW5n"}]})
        if trouble := body_trouble(body):
            return self.no(request, trouble)
        return self.generation(request, body)

    def generation(self, request: Recorded, body: Json) -> Reply:
        standin = self.standin
        assert isinstance(standin, CodexStandIn)
        known = request.headers, request.path, request.raw
        plain = {name: value for name, value in body.items() if name != "client_metadata"}
        request.path, request.raw = "/v1/responses", dumps(plain).encode()
        request.headers = {"authorization": f"Bearer {standin.key}", "content-type": "application/json"}
        reply = super().answer(request)
        request.headers, request.path, request.raw = known
        request.json = body
        beside = {"set-cookie": f"__cf_bm={standin.cookie}; path=/; HttpOnly; Secure"} if standin.cookie else {}
        reply.headers = {**standin.limits, "x-codex-turn-state": standin.turn_state, **beside, **reply.headers}
        if reply.stream:
            reply.chunks = [event(standin.told), *map(self.emptied, reply.chunks)]
        return reply

    def emptied(self, chunk: bytes) -> bytes:
        """The terminal event without its output, which may be empty (§7)."""
        if not chunk.startswith(b"event: response.completed"):
            return chunk
        told = json.loads(chunk.partition(b"data: ")[2])
        told["response"]["output"] = []
        return event(told)

    def no(self, request: Recorded, detail: str, status: int = 400) -> Reply:
        return self.refused(request, Refusal(status, {"detail": detail}, detail, "codex"))


class CodexStandIn(StandIn):
    """`logins` is the account service on the same address; `limits` are the headers of every generation's answer and
    `told` the event before it, `turn_state` its routing token, `cookie` what Cloudflare gives, `usage` what the usage
    endpoint answers."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.logins = Logins()
        self.limits = limit_headers()
        self.told = RATE_LIMITS
        self.turn_state = "turn-1"
        self.cookie = ""
        self.usage: Json = {
            "plan_type": "plus",
            "rate_limit": {
                "allowed": True,
                "limit_reached": False,
                "primary_window": {
                    "used_percent": 25,
                    "limit_window_seconds": 18_000,
                    "reset_after_seconds": 3600,
                    "reset_at": round(time.time()) + 3600,
                },
                "secondary_window": None,
            },
            "additional_rate_limits": [],
            "credits": {"has_credits": False, "unlimited": False, "balance": None},
        }
        self._app = CodexApp(self)

    def settings(self) -> Json:
        """Of a credential that is served here."""
        return {"base_url": f"{self.url}{BASE}", "token_url": f"{self.url}/oauth/token"}

    def login(self) -> str:
        """A credential's secret: what Codex CLI has in its file."""
        return self.logins.auth_json()
