"""iFlow's login, platform and inference in front of the stand-in, by the tables of iflow.md."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import re
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from .app import App, Reply
from .ask import Json, Refusal
from .bodies import decoded
from .records import Recorded
from .server import StandIn
from .wire import dumps

CLIENT_ID = "10009311001"  # §2, public
SECRET = "-".join(("installed", "client", "secret"))
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

#: §4: header → what it must be, for every inference request.
HEADERS: dict[str, str] = {
    "authorization": r"Bearer \S+",
    "user-agent": r"iFlowCLI/\d+\.\d+\.\d+\S* \((linux|darwin|win32); (x64|arm64|ia32)\)",
    "session-id": rf"session-{UUID4}",
    "x-iflow-timestamp": r"\d{13}",
    "x-iflow-signature": r"[0-9a-f]{64}",
    "content-type": r"application/json",
}
#: §4: what bodies may have beside Chat Completions, by the beginning of a model's name.
FIELDS = {"glm-": "chat_template_kwargs", "minimax": "reasoning_split"}
REPLAYS = ("glm-4.6", "glm-4.7", "minimax-m2")
#: §2: grant → the fields of its form.
FORMS: dict[str, set[str]] = {
    "authorization_code": {"grant_type", "code", "redirect_uri", "client_id", "client_secret"},
    "refresh_token": {"grant_type", "refresh_token", "client_id", "client_secret"},
}
#: §2, §3: redirects that the service knows, without their port.
REDIRECT = re.compile(r"http://localhost:\d+/oauth2callback")
BEIJING = timedelta(hours=8)


class IflowApp(App):
    def answer(self, request: Recorded) -> Reply:
        standin = self.standin
        assert isinstance(standin, IflowStandIn)
        match request.method, request.path:
            case "POST", "/oauth/token":
                return self.token(request, standin)
            case "GET", "/api/oauth/getUserInfo":
                return self.user_info(request, standin)
            case "GET" | "POST", "/api/openapi/apikey":
                return self.api_key(request, standin)
            case "POST", "/v1/chat/completions":
                return self.chat(request, standin)
            case "GET", "/v1/models" if request.headers.get("authorization") == f"Bearer {standin.key}":
                return super().answer(request)
        return self.no(request, 404, "not_found", f"{request.path} was not found")

    # -- §2

    def token(self, request: Recorded, standin: IflowStandIn) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        grant = form.get("grant_type", "")
        standin.grants.append(grant)
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
        wanted = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "authorization": basic,
        }
        wrong = [name for name, value in wanted.items() if request.headers.get(name) != value]
        if wrong or set(form) != FORMS.get(grant) or (form["client_id"], form["client_secret"]) != (CLIENT_ID, SECRET):
            return self.failed(request, "40001", f"{wrong or sorted(form)}")
        if standin.token_answers:
            status, body = standin.token_answers.popleft()
            return self.json_reply(status, body)
        if grant == "authorization_code":
            if standin.codes.pop(form["code"], None) != form["redirect_uri"]:
                return self.failed(request, "40002", "invalid code")
        elif form["refresh_token"] != standin.refresh:
            return self.failed(request, "40003", "invalid refresh token")
        return self.json_reply(200, standin.issue())

    def user_info(self, request: Recorded, standin: IflowStandIn) -> Reply:
        standin.grants.append("getUserInfo")
        if standin.trouble:
            return self.json_reply(*standin.trouble)
        if request.query != {"accessToken": standin.token}:
            return self.failed(request, "40100", "token is invalid")
        data = {"apiKey": standin.key, "email": "someone@example.com", "phone": "+86 000"}
        return self.json_reply(200, {"success": True, "data": data})

    def failed(self, request: Recorded, code: str, message: str) -> Reply:
        """§2: failures can be HTTP 200."""
        return self.refused(
            request, Refusal(200, {"success": False, "code": code, "message": message}, message, "iflow")
        )

    # -- §3

    def api_key(self, request: Recorded, standin: IflowStandIn) -> Reply:
        standin.grants.append(f"{request.method} apikey")
        if request.headers.get("accept") != "application/json, text/plain, */*":
            return self.failed(request, "40000", "accept")
        if standin.trouble:
            return self.json_reply(*standin.trouble)
        if request.headers.get("cookie") not in (f"BXAuth={standin.cookie}", f"BXAuth={standin.cookie};"):
            return self.failed(request, "40101", "please sign in")
        data = {"name": "my-key", "apiKeyMask": "sk-****", "hasExpired": False}
        if request.method == "GET":
            data |= {"apiKey": standin.key if standin.shows_key else "sk-****", "expireTime": standin.expire_time()}
            return self.zipped({"success": True, "code": "200", "message": "", "data": data})
        own = "https://platform.iflow.cn"
        sent = [request.headers.get(name, "") for name in ("origin", "referer", "content-type")]
        if sent[0] != own or not sent[1].startswith(own + "/") or sent[2] != "application/json":
            return self.failed(request, "40000", f"{sent}")
        if json.loads(request.raw) != {"name": "my-key"}:
            return self.failed(request, "40000", "name")
        standin.new_key()
        data |= {"apiKey": standin.key, "expireTime": standin.expire_time()}
        return self.zipped({"success": True, "code": "200", "message": "", "data": data})

    def zipped(self, body: Json) -> Reply:
        """§3: the response may be gzip."""
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        return Reply(200, headers, [gzip.compress(dumps(body).encode())])

    # -- §4

    def chat(self, request: Recorded, standin: IflowStandIn) -> Reply:
        if request.headers.get("authorization") != f"Bearer {standin.key}":
            return self.no(request, 401, "invalid_api_key", "Invalid API key")
        body = decoded(request.raw, request.headers)
        standin.bodies.append(body)
        found = of_headers(request.headers, standin.key or "", bool(body.get("stream"))) or of_body(body)
        if found:
            return self.no(request, 400, "invalid_request", found)
        if standin.platform_error is not None:
            return self.json_reply(200, standin.platform_error)
        request.raw = dumps({name: value for name, value in body.items() if name not in FIELDS.values()}).encode()
        return super().answer(request)

    def no(self, request: Recorded, status: int, code: str, text: str) -> Reply:
        body = {"error": {"code": code, "type": code, "message": text}}
        return self.refused(request, Refusal(status, body, text, "iflow"))


def of_headers(headers: Mapping[str, str], key: str, stream: bool) -> str:
    """What is wrong with the headers of an inference request, by §4."""
    for name, rule in HEADERS.items():
        if not re.fullmatch(rule, headers.get(name, "")):
            return f"{name}: {headers.get(name)!r}"
    if stream and "text/event-stream" not in headers.get("accept", ""):
        return f"accept: {headers.get('accept')!r}"
    if abs(int(headers["x-iflow-timestamp"]) / 1000 - time.time()) > 300:
        return "x-iflow-timestamp is of another time"
    text = f"{headers['user-agent']}:{headers['session-id']}:{headers['x-iflow-timestamp']}"
    made = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return "" if hmac.compare_digest(made, headers["x-iflow-signature"]) else "x-iflow-signature does not fit"


def of_body(body: Json) -> str:
    """What is wrong with a body, by §4."""
    model = str(body.get("model")).lower()
    for name in ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget"):
        if name in body:
            return f"{name} is to be removed"
    for family, name in FIELDS.items():
        if name in body and not model.startswith(family):
            return f"{name} is not for {model}"
    template = body.get("chat_template_kwargs")
    if template is not None:
        if set(template) != {"enable_thinking", "clear_thinking"} or template["clear_thinking"] is not False:
            return f"chat_template_kwargs {template}"
        if not isinstance(template["enable_thinking"], bool):
            return "enable_thinking is no truth value"
    if "reasoning_split" in body and not isinstance(body["reasoning_split"], bool):
        return "reasoning_split is no truth value"
    if body.get("tools") == []:
        return "tools is empty"
    if not model.startswith(REPLAYS) and any("reasoning_content" in message for message in body["messages"]):
        return "reasoning_content is not kept for this model"
    return ""


class IflowStandIn(StandIn):
    """`key` is the API key of now, `token` the access token that gives it, `refresh` the refresh token, `cookie` the
    browser's session. `token_answers` (status, body) are given by the token endpoint instead, in turn; `trouble` by
    getUserInfo and the platform. `platform_error`: a body that inference answers with a 200. `grants` are what was
    asked for, `bodies` what came to inference."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._app = IflowApp(self)
        self._first = self.key
        self.token = "oauth-0"
        self.refresh = "refresh-0"
        self.cookie = "a-session"
        self.shows_key = False
        self.key_days = 7.0
        self.codes: dict[str, str] = {}
        self.token_answers: deque[tuple[int, Any]] = deque()
        self.trouble: tuple[int, Any] | None = None
        self.platform_error: Json | None = None
        self.grants: list[str] = []
        self.bodies: list[Json] = []
        self._issued = 0

    def issue(self) -> Json:
        """New tokens, and an API key that has changed with them."""
        self.new_key()
        self.token, self.refresh = f"oauth-{self._issued}", f"refresh-{self._issued}"
        return {
            "access_token": self.token,
            "refresh_token": self.refresh,
            "expires_in": 172_800,
            "token_type": "bearer",
            "scope": "all",
        }

    def new_key(self) -> None:
        self._issued += 1
        self.key = f"sk-{self._issued}-" + "standin"

    def expire_time(self) -> str:
        return (datetime.now(UTC) + BEIJING + timedelta(days=self.key_days)).strftime("%Y-%m-%d %H:%M")

    def sign_in(self, url: str) -> str:
        """What the browser's user does with an authorize URL (§2); → where the browser is sent."""
        parts = urlsplit(url)
        assert (f"{parts.scheme}://{parts.netloc}", parts.path) == (self.url, "/oauth")
        asked = dict(parse_qsl(parts.query, strict_parsing=True))
        assert set(asked) == {"loginMethod", "type", "redirect", "state", "client_id"}
        assert (asked["loginMethod"], asked["type"], asked["client_id"]) == ("phone", "phone", CLIENT_ID)
        assert REDIRECT.fullmatch(asked["redirect"])
        assert "redirect=" + quote(asked["redirect"], safe="") in parts.query
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked["redirect"]
        return asked["redirect"] + "?" + urlencode({"code": code, "state": asked["state"]})

    def login(self, lasts: float = 9000.0) -> str:
        """A login as iFlow CLI writes it."""
        login = {
            "access_token": self.token,
            "refresh_token": self.refresh,
            "expiry_date": round((time.time() + lasts) * 1000),
            "token_type": "bearer",
            "scope": "all",
            "apiKey": self.key,
        }
        return json.dumps(login)

    def reset(self) -> None:
        """The first login is good again."""
        super().reset()
        self.key, self.token, self.refresh = self._first, "oauth-0", "refresh-0"
        self.token_answers.clear()
        self.grants.clear()
        self.bodies.clear()
        self.trouble = self.platform_error = None
