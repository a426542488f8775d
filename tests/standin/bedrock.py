"""A strict stand-in of `bedrock-runtime`: signatures, bodies by botocore's model, answers whole and in event streams.

Facts: apikey_backends.md section 6. Converse is played here; InvokeModel borrows the rules and answers of the Anthropic
stand-in and adds Bedrock's own.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from . import aws_auth, bedrock_model, eventstream, reading, render_anthropic, rules_anthropic
from .ask import Ask, Json, Policy
from .reading import View
from .script import HELLO, Scenario, Turn, choose, usage_of
from .seal import digest, seal, unseal
from .wire import ARGUMENT_PIECE, TEXT_PIECE, Job, dumps, pieces

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
# What InvokeModel knows of Anthropic's body (AWS, "Anthropic Claude Messages API"); all else is an extra input.
INVOKE_FIELDS = {
    *("anthropic_version", "anthropic_beta", "max_tokens", "system", "messages", "temperature", "top_p", "top_k"),
    *("tools", "tool_choice", "stop_sequences", "thinking", "output_config", "metadata", "context_management"),
}
STOPS = {"end": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "refusal": "content_filtered"}
ACCOUNT = "bedrock"


class FaultError(Exception):
    """An exception that the service answers with."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True)
class Fail:
    """The next request fails so; ``after`` None: with the exception's status, else inside the stream behind so many
    events (``kind`` "cut" ends it there, "corrupt" spoils a byte)."""

    kind: str
    message: str = ""
    after: int | None = None


@dataclass
class Seen:
    """One request as it arrived."""

    operation: str
    model: str
    raw_path: str
    headers: dict[str, str]
    body: Any = None
    refusal: str = ""


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


def parsed(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        raise FaultError("ValidationException", "The request body is not JSON.") from None
    if not isinstance(body, dict):
        raise FaultError("ValidationException", "The request body is no object.")
    return body


def refuse(problem: str | None) -> None:
    if problem is not None:
        raise FaultError("ValidationException", problem)


def count(seen: Seen) -> Json:
    refuse(next(bedrock_model.request_faults("CountTokens", seen.body, modelId=seen.model), None))
    given = seen.body["input"]
    if "invokeModel" in given:
        inner = parsed(base64.b64decode(given["invokeModel"]["body"]))
        check_invoke(Seen("InvokeModel", seen.model, seen.raw_path, seen.headers, inner))
    else:
        check_converse(Seen("Converse", seen.model, seen.raw_path, seen.headers, given["converse"]))
    return {"inputTokens": len(dumps(given)) // 4}


# -- Converse


def check_converse(seen: Seen) -> None:
    body = seen.body
    refuse(next(bedrock_model.request_faults("Converse", body, modelId=seen.model), None))
    messages = body.get("messages") or []
    if not messages:
        raise FaultError("ValidationException", "A conversation must have messages.")
    if messages[0]["role"] != "user":
        raise FaultError("ValidationException", "A conversation must start with a user message.")
    waiting: list[str] = []
    has_tool_blocks = False
    names: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if index and messages[index - 1]["role"] == message["role"]:
            raise FaultError("ValidationException", "A conversation must alternate between user and assistant roles.")
        if not message["content"]:
            raise FaultError("ValidationException", f"The content field in {where} is empty.")
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        if sorted(results) != sorted(waiting):
            raise FaultError("ValidationException", f"Expected toolResult blocks at {where}.content for {waiting}")
        waiting = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        has_tool_blocks = has_tool_blocks or bool(waiting)
        for block in message["content"]:
            check_block(block, where)
        names += [block["document"]["name"] for block in message["content"] if "document" in block]
        if any("document" in b for b in message["content"]) and not any("text" in b for b in message["content"]):
            raise FaultError("ValidationException", f"Add text to {where} beside the document.")
    if len(set(names)) < len(names) or any(
        not re.fullmatch(r"[A-Za-z0-9()\[\]-]+( [A-Za-z0-9()\[\]-]+)*", n) for n in names
    ):
        raise FaultError("ValidationException", f"Document names must be unique and simple: {names}")
    if has_tool_blocks and "toolConfig" not in body:
        raise FaultError(
            "ValidationException",
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        )
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking")
    if thinking and set((body.get("toolConfig") or {}).get("toolChoice") or {"auto": {}}) != {"auto"}:
        raise FaultError("ValidationException", "Thinking may not be enabled when tool_choice forces tool use.")
    if thinking and thinking.get("budget_tokens", 0) >= body["inferenceConfig"]["maxTokens"]:
        raise FaultError("ValidationException", "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if thinking and waiting_lost_its_thinking(messages):
        raise FaultError("ValidationException", "Expected `thinking`, but found `tool_use`. Keep the thinking blocks.")
    if dumps(body).count('"cachePoint"') > 4:
        raise FaultError("ValidationException", "Too many cache points: 4 are allowed.")


def check_block(block: Json, where: str) -> None:
    if "text" in block and not block["text"].strip():
        raise FaultError("ValidationException", f"The text field in the ContentBlock object at {where} is blank.")
    if "toolResult" in block and not block["toolResult"]["content"]:
        raise FaultError("ValidationException", f"The toolResult at {where} is empty.")
    told = (block.get("reasoningContent") or {}).get("reasoningText")
    if told is not None:
        claims = unseal(ACCOUNT, "thinking", told.get("signature") or "")
        if claims is None or claims["text"] != digest(told["text"]):
            raise FaultError("ValidationException", f"{where}: Invalid `signature` in `thinking` block")


def waiting_lost_its_thinking(messages: list[Json]) -> bool:
    """Whether the turn that the last message gives results to begins without its reasoning."""
    if len(messages) < 2 or not any("toolResult" in block for block in messages[-1]["content"]):
        return False
    return "reasoningContent" not in messages[-2]["content"][0]


def job_of(scenario: Scenario, seen: Seen, size: int) -> Job:
    if seen.operation.startswith("Converse"):
        blocks = [block for message in seen.body["messages"] for block in message["content"]]
        tools = (seen.body.get("toolConfig") or {}).get("tools") or []
        view = View(
            tools={tool["toolSpec"]["name"]: reading.ToolRef() for tool in tools if "toolSpec" in tool},
            calls=sum("toolUse" in block for block in blocks),
            model=seen.model,
        )
        ask = Ask(seen.body, seen.headers, policy=Policy(account=ACCOUNT))
    else:
        inner = {**seen.body, "model": seen.model}
        view = reading.read("anthropic", inner)
        ask = Ask(inner, seen.headers, policy=Policy(account=ACCOUNT), model=seen.model)
    turn = choose(scenario, view).turn
    return Job(ask, view, turn, usage_of(turn, size), secrets.token_hex(16), 0)


def thoughts(job: Job) -> Iterator[tuple[str, str]]:
    """(text, signature) of each thought, where thinking was asked for."""
    if "thinking" not in (job.ask.body.get("additionalModelRequestFields") or {}):
        return
    for text in job.turn.thoughts:
        yield text, seal(ACCOUNT, "thinking", text=digest(text))


def stop_of(turn: Turn) -> str:
    return STOPS[turn.stop] if turn.stop is not None else "tool_use" if turn.calls else "end_turn"


def usage(job: Job) -> Json:
    used = job.usage
    return {
        "inputTokens": used.fresh,
        "outputTokens": used.output,
        "totalTokens": used.total,
        "cacheReadInputTokens": used.cache_read,
        "cacheWriteInputTokens": used.cache_write,
    }


def converse_answer(job: Job) -> Json:
    content: list[Json] = [
        {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}
        for text, signature in thoughts(job)
    ]
    if job.turn.text:
        content.append({"text": job.turn.text})
    content += [
        {"toolUse": {"toolUseId": f"tooluse_{job.token[:16]}{number}", "name": call.name, "input": call.arguments}}
        for number, call in enumerate(job.turn.calls)
    ]
    answer = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_of(job.turn),
        "usage": usage(job),
        "metrics": {"latencyMs": 3},
    }
    if job.turn.stop_sequence and "additionalModelResponseFieldPaths" in job.ask.body:
        answer["additionalModelResponseFields"] = {"stop_sequence": job.turn.stop_sequence}
    assert not list(bedrock_model.answer_faults("Converse", answer))
    return answer


def converse_events(job: Job) -> Iterator[bytes]:
    whole = converse_answer(job)
    yield framed("messageStart", {"role": "assistant"})
    for number, block in enumerate(whole["output"]["message"]["content"]):
        if "toolUse" in block:
            start = {"toolUse": {key: block["toolUse"][key] for key in ("toolUseId", "name")}}
            yield framed("contentBlockStart", {"contentBlockIndex": number, "start": start})
        for delta in converse_deltas(block):
            yield framed("contentBlockDelta", {"contentBlockIndex": number, "delta": delta})
        yield framed("contentBlockStop", {"contentBlockIndex": number})
    more = {key: whole[key] for key in ("additionalModelResponseFields",) if key in whole}
    yield framed("messageStop", {"stopReason": whole["stopReason"], **more})
    yield framed("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]})


def converse_deltas(block: Json) -> Iterator[Json]:
    if "text" in block:
        yield from ({"text": piece} for piece in pieces(block["text"], TEXT_PIECE))
    elif "toolUse" in block:
        written = dumps(block["toolUse"]["input"])
        yield from ({"toolUse": {"input": piece}} for piece in ["", *pieces(written, ARGUMENT_PIECE)])
    else:
        told = block["reasoningContent"]["reasoningText"]
        yield from ({"reasoningContent": {"text": piece}} for piece in pieces(told["text"], TEXT_PIECE))
        yield {"reasoningContent": {"signature": told["signature"]}}


def framed(kind: str, payload: Json) -> bytes:
    assert not list(bedrock_model.event_faults("ConverseStream", kind, payload))
    return eventstream.event(kind, dumps({**payload, "p": "abcdefgh"}).encode())


# -- InvokeModel


def check_invoke(seen: Seen) -> None:
    body = seen.body
    for name in body:
        if name not in INVOKE_FIELDS:
            raise FaultError("ValidationException", f"{name}: Extra inputs are not permitted")
    if body.get("anthropic_version") not in ("bedrock-2023-05-31", "2026-10-21"):
        raise FaultError("ValidationException", "anthropic_version: Field required")
    for tool in body.get("tools") or []:
        extra = set(tool) - {"type", "name", "description", "input_schema", "cache_control", "strict"}
        if "input_schema" in tool and extra:
            raise FaultError("ValidationException", f"tools.0.custom.{min(extra)}: Extra inputs are not permitted")
        if re.match(r"web_|code_execution", tool.get("type", "")):
            raise FaultError("ValidationException", f"tools.0: Input tag '{tool['type']}' found is not expected")
    text = dumps(body)
    if "x-anthropic-billing-header" in text:
        raise FaultError("ValidationException", "x-anthropic-billing-header is a reserved keyword")
    if '"scope":' in text:
        raise FaultError("ValidationException", "cache_control.ephemeral.scope: Extra inputs are not permitted")
    if '"type":"url"' in text or '"type":"file"' in text:
        raise FaultError("ValidationException", "messages.0.content.0.source: only base64 is supported")
    plain = {name: value for name, value in body.items() if name not in ("anthropic_version", "anthropic_beta")}
    headers = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
    if body.get("anthropic_beta"):
        headers["anthropic-beta"] = ",".join(body["anthropic_beta"])
    model = seen.model.rpartition("anthropic.")[2]
    found = rules_anthropic.check(
        {**plain, "model": model}, headers, query={}, endpoint="generate", policy=Policy(account=ACCOUNT)
    )
    refuse(found.message if found is not None else None)


def invoke_events(job: Job) -> Iterator[bytes]:
    events = list(render_anthropic.events(render_anthropic.render(job).whole))
    events[-1]["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": job.usage.fresh}
    for data in events:
        packed = base64.b64encode(dumps(data).encode()).decode()
        yield eventstream.event("chunk", dumps({"bytes": packed, "p": "abcdef"}).encode())
