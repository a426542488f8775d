"""What Google's two `v1internal` services have in common, as a stand-in: tokens, tiers and projects, envelopes around
Gemini's answers, and requests that are held against a table (gemini_code_assist.md, antigravity.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from .app import App, Reply
from .ask import Json, Refusal
from .bodies import decoded
from .records import Recorded
from .server import StandIn
from .wire import dumps

METHOD = re.compile(r"/v1internal:(\w+)")
OPERATION = re.compile(r"/v1internal/(operations/[\w.-]+)")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TYPE = "type.googleapis.com/google.rpc."
DOMAIN = "cloudcode-pa.googleapis.com"
#: Assembled, so that no scanner takes it for a real one.
SECRET = "-".join(("a", "standin", "client", "secret"))
REFRESH = "-".join(("a", "standin", "refresh", "token"))
GENERATES = ("generateContent", "streamGenerateContent")


@dataclass(frozen=True)
class Row:
    """One thing that every request (of `methods`, none = all) must show. `where`: `header.NAME`, `query.NAME` or
    `body.PATH`; `wants`: a pattern of the whole text, a type, or None for what must not be there. `source`: the
    sheet's section."""

    where: str
    wants: str | type | tuple[type, ...] | None
    source: str
    methods: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


def complaints(rows: Sequence[Row], known: Mapping[str, Mapping[str, set[str]]], seen: Seen) -> Iterator[str]:
    """Everything that the table has against a request; `known` names the fields that an object of a method may have,
    by its path in the body ("" = the whole)."""
    for row in rows:
        if row.methods and seen.method not in row.methods:
            continue
        value = found(seen, row.where)
        if value is None:
            if row.wants is not None and not row.optional:
                yield f"{row.where} is missing ({row.source})"
        elif row.wants is None:
            yield f"{row.where} does not belong there ({row.source})"
        elif isinstance(row.wants, str):
            if not isinstance(value, str) or not re.fullmatch(row.wants, value, re.DOTALL):
                yield f"{row.where} is {value!r}, not {row.wants} ({row.source})"
        elif not isinstance(value, row.wants) or (isinstance(value, bool) and row.wants is not bool):
            yield f"{row.where} is a {type(value).__name__} ({row.source})"
    for path, names in known.get(seen.method, {}).items():
        value = found(seen, f"body.{path}" if path else "body")
        if isinstance(value, dict) and (strange := value.keys() - names):
            yield f"unknown field {path + '.' if path else ''}{min(strange)}"


def found(seen: Seen, where: str) -> Any:
    place, _, path = where.partition(".")
    if place in ("header", "query"):
        return (seen.headers if place == "header" else seen.query).get(path)
    value = seen.body
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def error(status: int, word: str, message: str, *details: Json) -> Json:
    """Google's error object; see `info`, `retry` and `help_link` for details."""
    made: Json = {"code": status, "message": message, "status": word}
    if details:
        made["details"] = list(details)
    return {"error": made}


def info(reason: str, **metadata: str) -> Json:
    return {"@type": f"{TYPE}ErrorInfo", "reason": reason, "domain": DOMAIN, "metadata": metadata}


def retry(delay: str) -> Json:
    return {"@type": f"{TYPE}RetryInfo", "retryDelay": delay}


def help_link(url: str) -> Json:
    return {"@type": f"{TYPE}Help", "links": [{"description": "Verify your account", "url": url}]}


class GoogleApp(App):
    """`rows` and `known` are what the sheet demands, `client_id` whose tokens these are, `redirects` the redirect URIs
    that a login may come back to."""

    rows: tuple[Row, ...] = ()
    known: Mapping[str, Mapping[str, set[str]]] = {}
    client_id = ""
    redirects = ""

    @property
    def service(self) -> GoogleStandIn:
        assert isinstance(self.standin, GoogleStandIn)
        return self.standin

    def answer(self, request: Recorded) -> Reply:
        if request.path == "/token":
            return self.token(request)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self.service.valid or "x-goog-api-key" in request.headers:
            told = "Request had invalid authentication credentials."
            return self.json_reply(401, error(401, "UNAUTHENTICATED", told))
        if request.path == "/userinfo" and request.method == "GET":
            return self.json_reply(200, {"email": self.service.email, "id": "1"})
        if (operation := OPERATION.fullmatch(request.path)) and request.method == "GET":
            return self.polled(request, operation[1])
        match = METHOD.fullmatch(request.path)
        handler = getattr(self, f"on_{match[1]}", None) if match and request.method == "POST" else None
        if match is None or handler is None:
            return self.no(request, 404, "NOT_FOUND", f"{request.method} {request.path} was not found")
        body = decoded(request.raw, request.headers)
        seen = Seen(match[1], dict(request.headers), dict(request.query), body)
        self.service.seen.append(seen)
        for text in [*complaints(self.rows, self.known, seen), *self.more(seen)]:
            return self.no(request, 400, "INVALID_ARGUMENT", text)
        project = body.get("project") if isinstance(body, dict) else None
        if project is not None and project != self.service.project:
            told = f"Permission denied on resource project {project}."
            return self.json_reply(403, error(403, "PERMISSION_DENIED", told))
        if self.service.trouble and match[1] in self.service.trouble:
            status, told = self.service.trouble[match[1]]
            return self.json_reply(status, told)
        reply: Reply = handler(request, seen)
        return reply

    def more(self, seen: Seen) -> Iterator[str]:
        """What no row can say."""
        yield from ()

    def no(self, request: Recorded, status: int, word: str, message: str) -> Reply:
        return self.refused(request, Refusal(status, error(status, word, message), message, "google"))

    # -- tokens

    def token(self, request: Recorded) -> Reply:
        service = self.service
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        service.forms.append(form)
        wanted = {"client_id": self.client_id, "client_secret": service.client_secret}
        grant = form.get("grant_type")
        if grant == "refresh_token":
            given = form.get("refresh_token", "")
            wanted["refresh_token"] = given if given.startswith(service.refresh_token) else service.refresh_token
        elif grant == "authorization_code":
            wanted["code"] = service.code
            if (
                not re.fullmatch(self.redirects, form.get("redirect_uri", ""))
                or len(form.get("code_verifier", "")) < 43
            ):
                return self.json_reply(400, {"error": "redirect_uri_mismatch", "error_description": "Bad Request"})
        else:
            return self.json_reply(400, {"error": "unsupported_grant_type"})
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return self.json_reply(400, {"error": "invalid_request", "error_description": "a form is wanted"})
        if any(form.get(name) != wanted[name] for name in ("client_id", "client_secret")):
            return self.json_reply(401, {"error": "invalid_client", "error_description": "Unauthorized"})
        if any(form.get(name) != value for name, value in wanted.items()):
            told = "Token has been expired or revoked."
            return self.json_reply(400, {"error": "invalid_grant", "error_description": told})
        service.grants += 1
        service.given += 1
        made = f"access-{service.given}"
        service.valid.add(made)
        answer = {"access_token": made, "expires_in": service.lifetime, "token_type": "Bearer", "scope": "s"}
        if grant == "authorization_code":
            answer["refresh_token"] = service.refresh_token
        return self.json_reply(200, answer)

    # -- tiers and projects

    def on_loadCodeAssist(self, request: Recorded, seen: Seen) -> Reply:
        service = self.service
        told: Json = {"allowedTiers": service.offers}
        if service.tier:
            told["currentTier"] = {"id": service.tier, "name": service.tier.title()}
            if service.project:
                told["cloudaicompanionProject"] = self.spelled(service.project)
        if service.ineligible:
            told["ineligibleTiers"] = service.ineligible
        return self.json_reply(200, told)

    def on_onboardUser(self, request: Recorded, seen: Seen) -> Reply:
        return self.json_reply(200, self.operation())

    def polled(self, request: Recorded, name: str) -> Reply:
        return self.json_reply(200, self.operation())

    def operation(self) -> Json:
        service = self.service
        if service.polls > 0:
            service.polls -= 1
            return {"name": "operations/onboard-1"}
        service.tier = "free-tier"
        service.project = service.project or "made-project-1"
        project = {"id": service.project, "name": service.project}
        return {"name": "operations/onboard-1", "done": True, "response": {"cloudaicompanionProject": project}}

    def spelled(self, project: str) -> Any:
        return project

    # -- Gemini inside

    def inner(self, request: Recorded, model: str, method: str, body: Json) -> Reply:
        """The answer of the stand-in's own Gemini to the request in the envelope."""
        request.path, request.raw = f"/v1beta/models/{model}:{method}", dumps(body).encode()
        request.headers = {
            **{name: value for name, value in request.headers.items() if name != "authorization"},
            "x-goog-api-key": self.standin.key or "",
        }
        return enveloped(super().answer(request))


def enveloped(reply: Reply) -> Reply:
    """The reply with each of its objects in an envelope; one JSON text fills several lines of an event."""
    if reply.status != 200:
        return reply
    if not reply.stream:
        reply.chunks = [wrapped(chunk) for chunk in reply.chunks]
        return reply
    chunks = []
    for chunk in reply.chunks:
        data = chunk.removeprefix(b"data: ")
        if data is chunk or data == chunk:
            chunks.append(chunk)  # a bare error object
            continue
        text = json.dumps(json.loads(wrapped(data)), indent=1, ensure_ascii=False)
        chunks.append("".join(f"data: {line}\n" for line in text.split("\n")).encode() + b"\n")
    reply.chunks = chunks
    return reply


def wrapped(data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except ValueError:
        return data  # cut
    if isinstance(value, dict) and ("error" in value or "totalTokens" in value):
        return dumps(value).encode()
    return dumps({"response": value, "traceId": "0123456789abcdef"}).encode()


class GoogleStandIn(StandIn):
    """`seen` holds every call of a method as it arrived, `forms` what came to the token endpoint.

    Tests may change between requests: `token` (setting it withdraws all access tokens but that one; `grants` counts
    those that were given since), `refresh_token` (what a good one begins with), `tier` ("" = not onboarded), `offers`
    (tiers), `ineligible` (tiers that are refused), `project`, `polls` (how often an operation is not done yet),
    `trouble` (by method: what it answers instead).
    """

    app: type[GoogleApp] = GoogleApp

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._app = self.app(self)
        self.seen: list[Seen] = []
        self.forms: list[dict[str, str]] = []
        self.given = 0
        self.be_new()

    @property
    def token(self) -> str:
        return self._token

    @token.setter
    def token(self, token: str) -> None:
        self._token, self.valid = token, {token}

    def be_new(self) -> None:
        """All state as at the start."""
        self.token = "access-0"
        self.valid |= {f"access-{number}" for number in range(self.given + 1)}  # for whoever has one of before
        self.refresh_token = REFRESH
        self.client_secret = SECRET
        self.code = "an-authorization-code"
        self.lifetime = 3600
        self.grants = 0
        self.email = "someone@example.com"
        self.tier = "standard-tier"
        self.project = "my-project-1"
        self.polls = 0
        self.offers: list[Json] = [{"id": "legacy-tier"}, {"id": "free-tier", "isDefault": True, "name": "Free"}]
        self.ineligible: list[Json] = []
        self.trouble: dict[str, tuple[int, Any]] = {}

    def reset(self) -> None:
        super().reset()
        self.seen.clear()
        self.forms.clear()

    def login(self) -> str:
        """The secret of a credential that is signed in here, as JSON."""
        return json.dumps(
            {"access_token": self.token, "refresh_token": REFRESH, "client_secret": SECRET, "expires_at": 4e9}
        )

    def calls(self, *methods: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.method in methods]
