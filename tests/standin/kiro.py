"""Kiro in front of the stand-in's script: its runtime, its control plane and its token services on one port, every
header and member checked by the tables of kiro.md."""

from __future__ import annotations

import dataclasses
import json
import secrets
from typing import Any

from . import kiro_answers as answers
from .app import App, Reply
from .ask import Json, Refusal
from .bodies import decoded
from .failures import Cut, Failure, SlowHead, Stall, Status, StreamError
from .kiro_answers import ErrorRow
from .kiro_headers import CONTROL_BODY, CURRENT, HEADERS, LEGACY, TOKEN_TYPES, client_of, header_faults
from .kiro_logins import REFRESHES, Logins
from .kiro_rules import body_faults, entries, user
from .reading import ToolRef, View
from .records import Recorded
from .script import choose, usage_of
from .server import StandIn
from .wire import dumps

STREAM = "application/vnd.amazon.eventstream"
ARN = "arn:aws:codewhisperer:us-east-1:000000000000:profile/ABCDEFGHIJKL"
EMAIL = "somebody@example.com"
GENERATE = "KiroRuntimeService.GenerateAssistantResponse"
PROFILES = "AmazonCodeWhispererService.ListAvailableProfiles"


class KiroApp(App):
    standin: KiroStandIn

    def answer(self, request: Recorded) -> Reply:
        kiro = self.standin
        target = request.headers.get("x-amz-target", "")
        match request.method, request.path:
            case "POST", "/" if target == GENERATE:
                return self.generate_call(request, CURRENT)
            case "POST", "/generateAssistantResponse":
                return self.generate_call(request, LEGACY)
            case "POST", "/" if target == PROFILES:
                return self.control(request, CURRENT, self.profiles(decoded(request.raw, request.headers)))
            case "POST", "/ListAvailableProfiles":
                return self.control(request, LEGACY, self.profiles(decoded(request.raw, request.headers)))
            case "GET", "/getUsageLimits":
                return self.control(request, kiro.generation, self.usage(request))
            case ("GET", "/List-Available-Models") | ("GET", "/ListAvailableModels"):
                return self.control(request, kiro.generation, self.listed(request))
        told = kiro.logins.answer(request)
        if told is None:
            return self.no(request, ErrorRow(404, "UnknownOperationException", None, f"{request.path} {target}"))
        kind = REFRESHES.get(request.path) if b"efresh" in request.raw and b"eviceCode" not in request.raw else None
        if kind is not None:
            problem = next(header_faults(HEADERS[kind, CURRENT, client_of(request.headers)], request.headers), None)
            if problem is not None:
                return self.no(request, ErrorRow(400, "ValidationException", "HEADERS", problem))
        return self.json_reply(*told)

    # -- control plane

    def control(self, request: Recorded, generation: str, body: Json | ErrorRow) -> Reply:
        refused = self.stranger(request, "control", generation)
        if refused is not None:
            return self.no(request, refused)
        return self.no(request, body) if isinstance(body, ErrorRow) else self.json_reply(200, body)

    def profiles(self, body: Json) -> Json:
        """One page a profile, so that whoever reads only the first page is found out."""
        names = ["first", *self.standin.more_profiles]
        page = int(body.get("nextToken", "0"))
        arn = self.standin.arn if page == len(names) - 1 else self.standin.arn.replace("ABCDEF", "OTHER")
        more = {"nextToken": str(page + 1)} if page + 1 < len(names) else {}
        return {"profiles": [{"arn": arn, "profileName": names[page]}], **more}

    def usage(self, request: Recorded) -> Json | ErrorRow:
        wanted = {"origin": "AI_EDITOR", "resourceType": "AGENTIC_REQUEST", "isEmailRequired": "true"}
        if {name: request.query.get(name) for name in wanted} != wanted:
            return ErrorRow(400, "ValidationException", None, f"query {request.query}")
        if self.standin.generation == CURRENT and request.query.get("profileArn") != self.standin.arn:
            return answers.WRONG_PROFILE
        return answers.usage_limits(EMAIL, self.standin.used, self.standin.limit, self.standin.reset_at)

    def listed(self, request: Recorded) -> Json | ErrorRow:
        if request.query.get("origin") not in ("KIRO_CLI", "AI_EDITOR"):
            return ErrorRow(400, "ValidationException", None, f"query {request.query}")
        return {
            "models": [{"modelId": name, "modelName": name} for name in self.standin.models],
            "defaultModelId": "auto",
        }

    # -- who asks

    def stranger(self, request: Recorded, call: str, generation: str) -> ErrorRow | None:
        """What is wrong with the headers, or with who sent them."""
        kiro, headers = self.standin, request.headers
        token = headers.get("authorization", "").removeprefix("Bearer ")
        kind = kiro.logins.access.get(token)
        if kind is None:
            return answers.BAD_TOKEN
        if kiro.suspended:
            return answers.BANNED
        client = "ide" if generation == LEGACY else client_of(headers)
        rows = HEADERS[call, generation, client]
        if call == "control" and request.method == "POST":
            rows += (
                CONTROL_BODY if generation == CURRENT else (dataclasses.replace(CONTROL_BODY[0], pattern=".*json.*"),)
            )
        for problem in header_faults(rows, headers):
            return ErrorRow(400, "ValidationException", "HEADERS", problem)
        wanted = TOKEN_TYPES[kind, client]
        if wanted == "SSO_OIDC" and (generation == LEGACY or call == "control"):
            wanted = None
        if headers.get("tokentype") != wanted:
            text = f"tokentype {headers.get('tokentype')!r} of a {kind} login, not {wanted!r}"
            return ErrorRow(400, "ValidationException", "HEADERS", text)
        return None

    # -- generation

    def generate_call(self, request: Recorded, generation: str) -> Reply:
        request.endpoint = "generate"
        try:
            body = request.json = json.loads(request.raw)
        except ValueError:
            row = ErrorRow(400, "ValidationException", "REQUEST_BODY_INVALID_JSON", "Improperly formed request.")
            return self.no(request, row)
        refused = self.stranger(request, "generate", generation) or self.profile_fault(body, generation)
        session = str(body.get("conversationState", {}).get("conversationId")).startswith("sess_")
        if refused is None and session is not (generation == CURRENT and client_of(request.headers) == "cli"):
            refused = ErrorRow(400, "ValidationException", "INVALID_CONVERSATION_ID", "not an id of this client")
        if refused is not None:
            return self.no(request, refused)
        for reason, text in body_faults(body, generation):
            return self.no(request, ErrorRow(400, "ValidationException", reason, f"Improperly formed request. {text}"))
        served = choose(self.standin.scenario_for(request), view(body))
        failure = request.failure = self.standin.take_failure(served.index)
        if isinstance(failure, Status):
            told = failure.body if failure.body is not None else answers.BY_STATUS[failure.code].body
            data = told if isinstance(told, bytes) else dumps(told).encode()
            headers = {"content-type": "application/x-amz-json-1.0", **failure.headers}
            return Reply(failure.code, headers, [data])
        request.turn = served.index
        usage = usage_of(served.turn, len(request.raw))
        frames = list(answers.events(served.turn, usage, body, secrets.token_hex(16), self.standin.tail))
        reply = Reply(200, {"content-type": STREAM, "x-amzn-requestid": secrets.token_hex(8)}, frames, stream=True)
        return spoilt(reply, failure)

    def profile_fault(self, body: Json, generation: str) -> ErrorRow | None:
        given = body.get("profileArn")
        if generation == CURRENT:
            return None if given == self.standin.arn else answers.WRONG_PROFILE if given else answers.NO_PROFILE
        # §4: the legacy host refused the ARN with Builder ID
        if given is not None and self.standin.builder_id:
            return ErrorRow(403, "AccessDeniedException", None, "User is not authorized to make this call.")
        return None

    def no(self, request: Recorded, row: ErrorRow) -> Reply:
        request.refusal = Refusal(row.status, row.body, row.message, row.reason or "kiro")
        return self.json_reply(row.status, row.body)


def view(body: Json) -> View:
    found = entries(body)
    current = user(found[-1]) or {}
    tools = (current.get("userInputMessageContext") or {}).get("tools", [])
    return View(
        tools={tool["toolSpecification"]["name"]: ToolRef() for tool in tools},
        calls=sum(len((entry.get("assistantResponseMessage") or {}).get("toolUses", [])) for entry in found),
        schema=asked_schema(current["content"]),
        json_mode="JSON object" in current["content"].rpartition("\n")[2],
        stream=True,
        model=current["modelId"],
    )


def asked_schema(content: str) -> Json | None:
    """The schema that a text asks an answer to fit, as any model reads it: there is no field for one."""
    before, found, line = content.rpartition("\n")
    if not found or "JSON Schema" not in before.rpartition("\n")[2]:
        return None
    try:
        schema = json.loads(line)
    except ValueError:
        return None
    return schema if isinstance(schema, dict) else None


def spoilt(reply: Reply, failure: Failure | None) -> Reply:
    match failure:
        case StreamError():
            wrong = answers.exception("serviceUnavailableError", failure.message)
            reply.chunks = [*reply.chunks[: failure.after], wrong]
        case Cut():
            reply.chunks, reply.broken = reply.chunks[: failure.after], True
        case SlowHead():
            reply.wait_head = failure.seconds
        case Stall():
            reply.pauses[failure.after] = failure.seconds
    return reply


class KiroStandIn(StandIn):
    """Kiro on one port. `generation` says which of its generations answers the control plane; `arn` is the profile of
    all logins, `builder_id` whether they are Builder IDs (legacy alone asks); `tail` the events that end an answer;
    `suspended`: the account is closed. `used`, `limit` and `reset_at` are what GetUsageLimits tells."""

    def __init__(self, **settings: Any) -> None:
        generation = settings.pop("generation", CURRENT)
        super().__init__(**settings)
        self._app = KiroApp(self)
        self.generation = generation
        self.arn = ARN
        self.more_profiles: tuple[str, ...] = ()
        self.builder_id = False
        self.tail = answers.TAIL
        self.suspended = False
        self.used, self.limit, self.reset_at = 250.5, 1000.0, 1_790_000_000.0
        self.logins = Logins(self.arn, access={self.key or "": "social"})

    def login(self, kind: str = "social", *, expired: bool = False, **more: str) -> str:
        """The secret of a credential with a login of that kind, in ProxyCast's own form."""
        refresh = f"refresh-{kind}-0-".ljust(120, "r") + secrets.token_hex(4)
        access = f"access-{kind}-0-{secrets.token_hex(4)}"
        self.logins.refresh[refresh] = kind
        if not expired:
            self.logins.access[access] = kind
        told: Json = {"access_token": access, "refresh_token": refresh, "expires_at": 1 if expired else 32_500_000_000}
        return json.dumps({**told, "auth_method": kind, "profile_arn": self.arn, **more})
