"""Qwen's login and inference in front of the stand-in, by the tables of qwen.md: every header, every field."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

from .app import App, Reply
from .ask import Json, Refusal
from .bodies import decoded
from .records import Recorded
from .server import StandIn
from .wire import dumps

CLIENT_ID = "f0304373b74a44d2b584a3fb70ca9e56"  # §2, public
SCOPE = "openid profile email model.completion"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_AGENT = r"QwenCode/\d+\.\d+\.\d+\S* \((linux|darwin|win32); (x64|arm64|ia32)\)"

#: §4: header → what it must be, for every inference request.
HEADERS: dict[str, str] = {
    "authorization": r"Bearer \S+",
    "content-type": r"application/json",
    "user-agent": _AGENT,
    "x-dashscope-useragent": _AGENT,
    "x-dashscope-authtype": r"qwen-oauth",
    "x-dashscope-cachecontrol": r"enable",
    "x-stainless-lang": r"js",
    "x-stainless-runtime": r"node",
    "x-stainless-os": r"Linux|MacOS|Windows",
    "x-stainless-arch": r"x64|arm64|ia32",
}
#: §4: fields beside those of Chat Completions and its compatibles.
FIELDS = ("metadata", "vl_high_resolution_images", "preserve_thinking")
#: §2, §3: grant → the fields of its form.
FORMS: dict[str, set[str]] = {
    DEVICE_GRANT: {"grant_type", "client_id", "device_code", "code_verifier"},
    "refresh_token": {"grant_type", "client_id", "refresh_token"},
}
MODELS = ("coder-model", "vision-model", "qwen3-coder-plus", "qwen3-coder-flash")


class QwenApp(App):
    def answer(self, request: Recorded) -> Reply:
        assert isinstance(self.standin, QwenStandIn)
        at = (request.method, request.path)
        if at == ("POST", "/api/v1/oauth2/device/code"):
            return self.device(request, self.standin)
        if at == ("POST", "/api/v1/oauth2/token"):
            return self.token(request, self.standin)
        if at == ("POST", "/v1/chat/completions"):
            return self.chat(request, self.standin)
        return self.no(request, 404, "not_found", f"{request.path} was not found")

    # -- §2, §3

    def device(self, request: Recorded, standin: QwenStandIn) -> Reply:
        form = self.form(request)
        wanted = {"client_id", "scope", "code_challenge", "code_challenge_method"}
        if set(form) != wanted or (form["client_id"], form["scope"]) != (CLIENT_ID, SCOPE):
            return self.denied(request, 400, "invalid_request", f"fields {sorted(form)}")
        if form["code_challenge_method"] != "S256" or not re.fullmatch(r"[\w-]{36,}", request.headers["x-request-id"]):
            return self.denied(request, 400, "invalid_request", "S256 and x-request-id are wanted")
        standin.challenge = form["code_challenge"]
        page = "https://chat.qwen.ai/authorize"
        return self.json_reply(
            200,
            {
                "device_code": "the-device-code",
                "user_code": "ABCD-EFGH",
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code=ABCD-EFGH&client=qwen-code",
                "expires_in": 900,
            },
        )

    def token(self, request: Recorded, standin: QwenStandIn) -> Reply:
        form = self.form(request)
        grant = form.get("grant_type", "")
        if set(form) != FORMS.get(grant) or form["client_id"] != CLIENT_ID:
            return self.denied(request, 400, "invalid_request", f"fields {sorted(form)}")
        standin.grants.append(grant)
        if standin.token_answers:
            status, body = standin.token_answers.popleft()
            if isinstance(body, bytes):
                return Reply(status, {"content-type": "text/html"}, [body])
            return self.json_reply(status, body)
        if grant == DEVICE_GRANT:
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != standin.challenge:
                return self.denied(request, 400, "invalid_grant", "the verifier does not fit")
        elif form["refresh_token"] != standin.refresh:
            return self.denied(request, 400, "invalid_grant", "refresh token is not valid")
        return self.json_reply(200, standin.issue())

    def form(self, request: Recorded) -> dict[str, str]:
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return {}
        if request.headers.get("accept") != "application/json":
            return {}
        return {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}

    def denied(self, request: Recorded, status: int, code: str, text: str) -> Reply:
        return self.refused(request, Refusal(status, {"error": code, "error_description": text}, text, "qwen"))

    # -- §4, §5

    def chat(self, request: Recorded, standin: QwenStandIn) -> Reply:
        if request.headers.get("authorization") != f"Bearer {standin.key}":
            return self.no(request, 401, "invalid_api_key", "invalid access token or token expired")
        for name, rule in HEADERS.items():
            if not re.fullmatch(rule, request.headers.get(name, "")):
                return self.no(request, 400, "InvalidParameter", f"{name}: {request.headers.get(name)!r}")
        if request.headers["user-agent"] != request.headers["x-dashscope-useragent"]:
            return self.no(request, 400, "InvalidParameter", "two user agents")
        body = decoded(request.raw, request.headers)
        standin.bodies.append(body)
        if found := of_body(body):
            return self.no(request, 400, "InvalidParameter", found)
        request.raw = dumps(plain(body)).encode()
        return super().answer(request)

    def no(self, request: Recorded, status: int, code: str, text: str) -> Reply:
        body = {"error": {"code": code, "type": "invalid_request_error", "message": text}, "request_id": "r-1"}
        return self.refused(request, Refusal(status, body, text, "qwen"))


def of_body(body: Json) -> str:
    """What is wrong with a body, by §4."""
    model = str(body.get("model"))
    if "reasoning_effort" in body and (not model.startswith("qwen3.8-max") or "enable_thinking" in body):
        return "reasoning_effort"
    if body.get("stream") and (body.get("stream_options") or {}).get("include_usage") is not True:
        return "stream_options.include_usage is wanted"
    if model == "vision-model" and body.get("vl_high_resolution_images") is not True:
        return "vl_high_resolution_images is wanted"
    if body.get("tools") == []:
        return "tools is empty"
    return ""


def plain(body: Json) -> Json:
    """Without what this service takes beside Chat Completions."""
    return {name: without_marks(value) for name, value in body.items() if name not in FIELDS}


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_marks(one) for name, one in value.items() if name != "cache_control"}
    return [without_marks(one) for one in value] if isinstance(value, list) else value


class QwenStandIn(StandIn):
    """`key` is the access token of now, `refresh` the refresh token; `token_answers` (status, body) are given by the
    token endpoint instead, in turn; `grants` are those that were asked for, `bodies` what came to inference."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._app = QwenApp(self)
        self._first = self.key
        self.refresh = "refresh-0"
        self.challenge = ""
        self.lifetime = 7200
        self.rotates = True
        self.resource_url: str | None = "portal.qwen.ai"
        self.token_answers: deque[tuple[int, Any]] = deque()
        self.grants: list[str] = []
        self.bodies: list[Json] = []
        self._issued = 0

    def issue(self) -> Json:
        """A new access token; the old one is worth nothing any more."""
        self._issued += 1
        self.key = f"access-{self._issued}"
        answer: Json = {"access_token": self.key, "token_type": "Bearer", "expires_in": self.lifetime}
        if self.rotates:
            self.refresh = f"refresh-{self._issued}"
            answer["refresh_token"] = self.refresh
        if self.resource_url is not None:
            answer["resource_url"] = self.resource_url
        return answer

    def login(self, lasts: float = 9000.0) -> str:
        """A login as Qwen Code writes it."""
        login = {
            "access_token": self.key,
            "refresh_token": self.refresh,
            "token_type": "Bearer",
            "resource_url": "portal.qwen.ai",
            "expiry_date": round((time.time() + lasts) * 1000),
        }
        return json.dumps(login)

    def reset(self) -> None:
        """The first login is good again."""
        super().reset()
        self.key, self.refresh = self._first, "refresh-0"
        self.token_answers.clear()
        self.grants.clear()
        self.bodies.clear()
