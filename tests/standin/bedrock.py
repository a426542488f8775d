"""A strict stand-in of `bedrock-runtime`: signatures, bodies by botocore's model, answers whole and in event streams.

Facts: apikey_backends.md section 6. Converse is played here; InvokeModel borrows the rules and answers of the Anthropic
stand-in and adds Bedrock's own.
"""

from __future__ import annotations

import base64
import re
import secrets
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from . import aws_auth, bedrock_model, eventstream, reading, render_anthropic
from .ask import Ask, Json, Policy
from .bedrock_common import ACCOUNT, FaultError, Seen, parsed, refuse
from .bedrock_converse import check_converse, converse_answer, converse_events
from .bedrock_invoke import check_invoke, invoke_events
from .reading import View
from .script import HELLO, Scenario, choose, usage_of
from .wire import Job, dumps

STREAM = "application/vnd.amazon.eventstream"
OPERATIONS = {
    "converse": "Converse",
    "converse-stream": "ConverseStream",
    "invoke": "InvokeModel",
    "invoke-with-response-stream": "InvokeModelWithResponseStream",
    "count-tokens": "CountTokens",
}
STATUS = {
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403,
    "InvalidSignatureException": 403,
    "IncompleteSignatureException": 403,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ThrottlingException": 429,
    "ModelNotReadyException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}


@dataclass(frozen=True)
class Fail:
    """The next request fails so; ``after`` None: with the exception's status, else inside the stream behind so many
    events (``kind`` "cut" ends it there, "corrupt" spoils a byte)."""

    kind: str
    message: str = ""
    after: int | None = None


@dataclass
class BedrockStandIn:
    """Serves on ``.url``. ``key``: the accepted API key; ``account``: whose signatures are accepted."""

    account: aws_auth.Account | None = None
    key: str | None = None
    scenario: Scenario = HELLO
    shred: int = 0
    requests: list[Seen] = field(default_factory=list)
    failures: deque[Fail] = field(default_factory=deque)
    url: str = ""
    _server: ThreadingHTTPServer | None = None

    @property
    def refusals(self) -> list[str]:
        return [seen.refusal for seen in self.requests if seen.refusal]

    def reset(self) -> None:
        self.requests.clear()
        self.failures.clear()
        self.scenario = HELLO

    def __enter__(self) -> Self:
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                standin.answer(self, body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="bedrock", daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    # -- one request

    def answer(self, http: BaseHTTPRequestHandler, raw: bytes) -> None:
        headers = {name.lower(): value for name, value in http.headers.items()}
        raw_path, _, query = http.path.partition("?")
        place = re.fullmatch(r"/model/([^/]+)/([a-z-]+)", raw_path)
        seen = Seen("", "", raw_path, headers)
        self.requests.append(seen)
        failure: Fail | None = None
        try:
            self.authenticate(http.command, raw_path, query, headers, raw)
            if place is None or place[2] not in OPERATIONS:
                raise FaultError("ResourceNotFoundException", f"Unknown operation at {raw_path}")
            seen.operation, seen.model = OPERATIONS[place[2]], unquote(place[1])
            seen.body = parsed(raw)
            self.check_head(seen)
            converses = seen.operation.startswith("Converse")
            if seen.operation == "CountTokens":
                self.whole(http, 200, count(seen))
                return
            (check_converse if converses else check_invoke)(seen)
            failure = self.failures.popleft() if self.failures else None
            if failure is not None and failure.after is None:
                raise FaultError(failure.kind, failure.message)
        except FaultError as fault:
            if failure is None:
                seen.refusal = f"{fault.kind}: {fault.message}"
            self.whole(
                http, STATUS[fault.kind], {"message": fault.message}, {"x-amzn-errortype": f"{fault.kind}:http://x/"}
            )
            return
        job = job_of(self.scenario, seen, len(raw))
        if not seen.operation.endswith("Stream"):
            self.whole(http, 200, converse_answer(job) if converses else render_anthropic.render(job).whole)
            return
        self.stream(http, list(converse_events(job) if converses else invoke_events(job)), failure)

    def authenticate(self, method: str, raw_path: str, query: str, headers: dict[str, str], raw: bytes) -> None:
        given = headers.get("authorization", "")
        if not given:
            raise FaultError("AccessDeniedException", "Missing Authentication Token")
        if given.startswith("Bearer "):
            if self.key is None or given != f"Bearer {self.key}":
                raise FaultError(
                    "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid."
                )
            return
        if self.account is None:
            raise FaultError("UnrecognizedClientException", "The security token included in the request is invalid.")
        wrong = aws_auth.complaint(self.account, method, raw_path, query, headers, raw)
        if wrong is not None:
            raise FaultError(*wrong)

    def check_head(self, seen: Seen) -> None:
        if seen.headers.get("content-type") != "application/json":
            raise FaultError("ValidationException", "The content type must be application/json.")
        wanted = STREAM if seen.operation.endswith("Stream") else "application/json"
        if seen.headers.get("accept", wanted) not in (wanted, "*/*"):
            raise FaultError("ValidationException", f"This operation answers in {wanted}.")
        if not re.fullmatch(r"[\w.:/-]+", seen.model):
            raise FaultError("ValidationException", "The provided model identifier is invalid.")
        if re.fullmatch(r"anthropic\.claude-(sonnet|opus|haiku)-(4|5).*", seen.model):
            text = f"Invocation of model ID {seen.model} with on-demand throughput isn’t supported."
            raise FaultError("ValidationException", text)

    # -- answers

    def whole(self, http: BaseHTTPRequestHandler, status: int, body: Json, more: dict[str, str] | None = None) -> None:
        data = dumps(body).encode()
        http.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "x-amzn-requestid": secrets.token_hex(8),
            **(more or {}),
        }.items():
            http.send_header(name, value)
        http.send_header("content-length", str(len(data)))
        http.end_headers()
        http.wfile.write(data)

    def stream(self, http: BaseHTTPRequestHandler, events: list[bytes], failure: Fail | None) -> None:
        if failure is not None and failure.after is not None:
            events = spoilt(events, failure, failure.after)
        http.send_response(200)
        http.send_header("content-type", STREAM)
        http.send_header("transfer-encoding", "chunked")
        http.end_headers()
        data = b"".join(events)
        size = self.shred or len(data)
        chunks = [data[at : at + size] for at in range(0, len(data), size)] if self.shred else events
        for chunk in chunks:
            http.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        http.wfile.write(b"0\r\n\r\n")


def spoilt(events: list[bytes], failure: Fail, after: int) -> list[bytes]:
    kept = events[:after]
    if failure.kind == "cut":
        return kept
    if failure.kind == "corrupt":
        broken = bytearray(events[after])
        broken[-5] ^= 1
        return [*kept, bytes(broken), *events[after + 1 :]]
    kind = failure.kind[0].lower() + failure.kind[1:]
    return [*kept, eventstream.exception(kind, dumps({"message": failure.message}).encode())]


def count(seen: Seen) -> Json:
    refuse(next(bedrock_model.request_faults("CountTokens", seen.body, modelId=seen.model), None))
    given = seen.body["input"]
    if "invokeModel" in given:
        inner = parsed(base64.b64decode(given["invokeModel"]["body"]))
        check_invoke(Seen("InvokeModel", seen.model, seen.raw_path, seen.headers, inner))
    else:
        check_converse(Seen("Converse", seen.model, seen.raw_path, seen.headers, given["converse"]))
    return {"inputTokens": len(dumps(given)) // 4}


def converse_schema(body: Json) -> Json | None:
    """Of Converse's structured output, where it is text."""
    form = (body.get("outputConfig") or {}).get("textFormat") or {}
    schema = ((form.get("structure") or {}).get("jsonSchema") or {}).get("schema")
    return parsed(schema.encode()) if isinstance(schema, str) else None


def job_of(scenario: Scenario, seen: Seen, size: int) -> Job:
    if seen.operation.startswith("Converse"):
        blocks = [block for message in seen.body["messages"] for block in message["content"]]
        tools = (seen.body.get("toolConfig") or {}).get("tools") or []
        view = View(
            tools={tool["toolSpec"]["name"]: reading.ToolRef() for tool in tools if "toolSpec" in tool},
            calls=sum("toolUse" in block for block in blocks),
            schema=converse_schema(seen.body) or reading.schema_in_words(seen.body.get("system")),
            model=seen.model,
        )
        ask = Ask(seen.body, seen.headers, policy=Policy(account=ACCOUNT))
    else:
        inner = {**seen.body, "model": seen.model}
        view = reading.read("anthropic", inner)
        ask = Ask(inner, seen.headers, policy=Policy(account=ACCOUNT), model=seen.model)
    turn = choose(scenario, view).turn
    return Job(ask, view, turn, usage_of(turn, size), secrets.token_hex(16), 0)
