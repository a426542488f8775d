"""Anthropic's API as a Claude plan's login sees it, with its token and usage endpoints (claude_oauth.md): takes nothing
but Claude Code's own requests, header by header, and says in every answer how full the plan's windows are."""

from __future__ import annotations

import itertools
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from .app import App, Reply
from .ask import Complaint, Json, bearer
from .bodies import decoded
from .errors import refusal
from .failures import Status
from .records import Recorded
from .server import StandIn

CLIENT_ID = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
BETA = "oauth-2025-04-20"
#: Assembled, so that no scanner takes them for real ones.
ACCESS, REFRESH = "-".join(("sk", "ant", "oat01", "")), "-".join(("sk", "ant", "ort01", ""))
#: No two services give out the same tokens.
_NUMBERS = itertools.count(1)
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NOT_CLAUDE_CODE = (
    "This credential is only authorized for use with Claude Code and cannot be used for other API requests."
)
DISABLED = "This organization has been disabled."


@dataclass(frozen=True)
class Header:
    """One row of §3.1: what the value looks like, and whether it must be there on messages."""

    name: str
    pattern: str
    needed: bool = False


HEADERS = (
    Header("authorization", rf"Bearer {ACCESS}\S+", True),
    Header("anthropic-version", r"2023-06-01", True),
    Header("anthropic-beta", r"[\w.-]+(, ?[\w.-]+)*", True),
    Header("anthropic-dangerous-direct-browser-access", "true"),
    Header("x-app", r"cli[\w-]*", True),
    Header("user-agent", r"claude-cli/\d+\.\d+\.\d+ \(external, [\w, /.-]+\)", True),
    Header("x-stainless-lang", "js"),
    Header("x-stainless-runtime", "node"),
    Header("x-stainless-package-version", r"\d+\.\d+\.\d+"),
    Header("x-stainless-runtime-version", r"v?\d+.*"),
    Header("x-stainless-os", r"\w+"),
    Header("x-stainless-arch", r"\w+"),
    Header("x-stainless-retry-count", r"\d+"),
    Header("x-stainless-timeout", r"\d+"),
    Header("x-stainless-helper-method", r"\w+"),
    Header("x-claude-code-session-id", UUID),
    Header("x-claude-code-agent-id", r".+"),
    Header("x-claude-code-parent-agent-id", r".+"),
    Header("x-claude-remote-container-id", r".+"),
    Header("x-claude-remote-session-id", r".+"),
    Header("x-client-app", r".+"),
    Header("x-anthropic-additional-protection", r".+"),
    Header("x-client-request-id", UUID),
    Header("accept", r"application/json", True),
    Header("accept-encoding", r"[a-z]+(, ?[a-z]+)*", True),
    Header("content-type", r"application/json", True),
)
TRANSPORT = frozenset(("host", "content-length", "connection"))
SYSTEM = re.compile(
    r"x-anthropic-billing-header: |You are Claude Code, Anthropic's official CLI for Claude|"
    r"You are a Claude agent, built on Anthropic's Claude Agent SDK"
)


def header_trouble(headers: Json) -> str:
    """What is wrong with a message's headers; "" if nothing is."""
    if unknown := sorted(headers.keys() - {row.name for row in HEADERS} - TRANSPORT):
        return f"unexpected header {unknown[0]}"
    for row in HEADERS:
        value = headers.get(row.name)
        if value is None and row.needed:
            return f"missing header {row.name}"
        if value is not None and not re.fullmatch(row.pattern, value, re.IGNORECASE):
            return f"header {row.name}: {value}"
    if [beta.strip() for beta in headers["anthropic-beta"].split(",")].count(BETA) != 1:
        return f"anthropic-beta must name {BETA} once"
    return ""


def is_claude_code(body: Json) -> bool:
    """By the marks of its body (§3.3); small models' helper calls may lack the system text."""
    system = body.get("system") or []
    blocks = [{"text": system}] if isinstance(system, str) else system
    marked = any(SYSTEM.match(block.get("text", "")) for block in blocks[:2])
    return marked or "haiku" in str(body.get("model"))


def windows(five_hours: float = 0.12, week: float = 0.34, status: str = "allowed", **more: str) -> dict[str, str]:
    """The headers of §4; a window whose utilization is 1 is rejected where `status` is."""
    soon, later = round(time.time()) + 3600, round(time.time()) + 86400
    found = {"status": status, "reset": str(soon), "representative-claim": "five_hour"}
    for name, used, reset in (("5h", five_hours, soon), ("7d", week, later)):
        full = used >= 1 and status == "rejected"
        found |= {f"{name}-status": "rejected" if full else "allowed", f"{name}-reset": str(reset)}
        found[f"{name}-utilization"] = f"{used:g}"
    found |= {name.replace("__", "-"): value for name, value in more.items()}
    return {f"anthropic-ratelimit-unified-{name}": value for name, value in found.items()}


def error(kind: str, message: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011"}


def spent() -> Status:
    """The five hours are spent (§5); such an answer says that it should be retried, too."""
    headers = windows(five_hours=1.01, status="rejected") | {"retry-after": "3600", "x-should-retry": "true"}
    return Status(429, headers, error("rate_limit_error", "This request would exceed your account's rate limit."))


class ClaudeLoginApp(App):
    def answer(self, request: Recorded) -> Reply:
        standin = self.standin
        assert isinstance(standin, ClaudeLoginStandIn)
        if request.path == "/v1/oauth/token" and request.method == "POST":
            return self.json_reply(*standin.token(request))
        if bearer(request.headers) != standin.access or "x-api-key" in request.headers:
            return self.no(request, 401, "OAuth token has expired. Please obtain a new token or refresh your token.")
        if request.path == "/api/oauth/usage":
            if request.headers.get("anthropic-beta") != BETA or "claude" in request.headers["user-agent"]:
                return self.no(request, 400, "anthropic-beta, or a mark of Claude Code that we have no right to")
            return self.json_reply(200, standin.usage)
        if request.path not in ("/v1/messages", "/v1/messages/count_tokens"):
            return self.no(request, 403, "OAuth token does not meet scope requirement")
        if standin.disabled:
            return self.no(request, 403, DISABLED)
        if trouble := header_trouble(dict(request.headers)):
            return self.no(request, 400, f"{NOT_CLAUDE_CODE} ({trouble})")
        if request.path == "/v1/messages" and not is_claude_code(decoded(request.raw, request.headers)):
            return self.no(request, 400, NOT_CLAUDE_CODE)
        known = request.headers
        plain = {name: value for name, value in known.items() if name != "authorization"}
        request.headers = {**plain, "x-api-key": standin.key or ""}
        reply = super().answer(request)
        request.headers = known
        reply.headers = {**standin.limits, **reply.headers}
        return reply

    def no(self, request: Recorded, status: int, message: str) -> Reply:
        return self.refused(request, refusal("anthropic", "claude_login", Complaint(message, status)))


class ClaudeLoginStandIn(StandIn):
    """`access` is the token that it takes; `posts` are the refreshes it was asked for, `trouble` (status, body) is
    answered to the next one; `disabled`: the organisation is closed. `limits` are headers of a model's answers."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._number = next(_NUMBERS)
        self.posts: list[Json] = []
        self.trouble: list[tuple[int, Json]] = []
        self.disabled = False
        self.lifetime = 8 * 3600
        self.limits = windows()
        self.usage: Json = {"five_hour": {"utilization": 12, "resets_at": None}, "seven_day": None}
        self._app = ClaudeLoginApp(self)

    @property
    def access(self) -> str:
        return f"{ACCESS}{self._number}"

    @property
    def refresh(self) -> str:
        return f"{REFRESH}{self._number}"

    def token(self, request: Recorded) -> tuple[int, Json]:
        """§2: JSON; the refresh token rotates, and reuse of the old one fails."""
        asked = json.loads(request.raw) if "json" in request.headers.get("content-type", "") else {}
        self.posts.append(asked)
        if self.trouble:
            return self.trouble.pop(0)
        wanted = {"grant_type": "refresh_token", "refresh_token": self.refresh, "client_id": CLIENT_ID}
        if {name: asked.get(name) for name in wanted} != wanted or asked.keys() - wanted.keys() - {"scope"}:
            return 400, {"error": "invalid_grant", "error_description": "Refresh token not found or invalid"}
        self._number = next(_NUMBERS)
        return 200, {
            "token_type": "Bearer",
            "access_token": self.access,
            "refresh_token": self.refresh,
            "expires_in": self.lifetime,
            "scope": "user:inference user:profile",
        }

    def credentials_json(self, expires: float | None = None) -> str:
        """The file that Claude Code writes (§1), with a sibling that is none of ours."""
        login = {
            "accessToken": self.access,
            "refreshToken": self.refresh,
            "expiresAt": round((time.time() + self.lifetime if expires is None else expires) * 1000),
            "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max",
            "rateLimitTier": "default_claude_max_5x",
        }
        return json.dumps({"claudeAiOauth": login, "mcpOAuth": {"some-server": {"accessToken": "not-ours"}}})
