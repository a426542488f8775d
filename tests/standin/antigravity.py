"""Antigravity as a stand-in, its demands as a table (antigravity.md); Gemini behind it is the usual one, Claude in
Gemini's words its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from . import proto, reading
from .app import JSON_TYPE, Reply
from .ask import Ask, Json, first_complaint
from .failures import Status, status_body
from .google_internal import GENERATES, UUID, GoogleApp, GoogleStandIn, Row, Seen, enveloped
from .records import Recorded
from .render_gemini import STOPS, response
from .rules_gemini import RULES
from .rules_gemini_turns import signature_origin, signature_present
from .script import choose, usage_of
from .seal import digest, seal, unseal
from .wire import TEXT_PIECE, Job, Rendering, dumps, pieces

CLIENT_ID = "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com"  # §1
CLAUDE_MODELS = r"claude-opus-4-6-thinking|claude-sonnet-4-6"
MODELS = (  # §7
    rf"{CLAUDE_MODELS}|gemini-3\.7-flash-high|gemini-3\.6-flash-high|gemini-3\.5-flash-(extra-)?low|gemini-3-flash"
    r"|gemini-3-flash-agent|gemini-3\.1-flash-lite|gemini-3\.1-flash-image|gemini-3\.1-pro-low|gemini-pro-agent"
    r"|gpt-oss-120b-medium|gemini-2\.5-[\w-]+"
)
VERSION = r"(2\.(9|[1-9]\d+)|[3-9]\.\d+)\.\d+"  # §3: from 2.9.0
AGENT = rf"antigravity/hub/{VERSION} (linux|darwin|windows)/(amd64|arm64|386)"
KIND = r"agent|image_gen|web_search"

ROWS = (
    # §3
    Row("header.content-type", r"application/json", "§3"),
    Row(
        "header.user-agent",
        AGENT,
        "§3",
        (*GENERATES, "countTokens", "loadCodeAssist", "fetchAvailableModels", "retrieveUserQuotaSummary"),
    ),
    Row("header.user-agent", AGENT + r" google-api-nodejs-client/10\.3\.0", "§3", ("onboardUser",)),
    Row("header.x-goog-api-client", r"gl-node/22\.21\.1", "§3", ("onboardUser",)),
    Row("header.x-goog-api-key", None, "§3"),
    Row("query.alt", r"sse", "§2", ("streamGenerateContent",)),
    # §4
    Row("body.metadata.ideType", "ANTIGRAVITY", "§4", ("loadCodeAssist",)),
    Row("body.tier_id", r"[a-z0-9]+(-[a-z0-9]+)*-tier", "§4", ("onboardUser",)),
    Row("body.metadata.ide_type", "ANTIGRAVITY", "§4", ("onboardUser",)),
    Row("body.metadata.ide_version", VERSION, "§4", ("onboardUser",)),
    Row("body.metadata.ide_name", "antigravity", "§4", ("onboardUser",)),
    # §5
    Row("body.project", r"[a-z][a-z0-9.:-]*", "§5", GENERATES),
    Row("body.requestId", rf"agent-{UUID}|image_gen/\d{{13}}/{UUID}/12", "§5", GENERATES),
    Row("body.userAgent", "antigravity", "§5", GENERATES),
    Row("body.requestType", KIND, "§5", GENERATES),
    Row("body.model", MODELS, "§5, §7", GENERATES),
    Row("body.request", dict, "§5", (*GENERATES, "countTokens")),
    Row("body.request.sessionId", r"-\d{1,19}", "§5", GENERATES),
    Row("body.request.contents", list, "§5", (*GENERATES, "countTokens")),
    Row("body.request.systemInstruction", dict, "§5", (*GENERATES, "countTokens"), optional=True),
    Row("body.request.systemInstruction.role", "user", "§5", (*GENERATES, "countTokens"), optional=True),
    Row("body.request.safetySettings", None, "§5", (*GENERATES, "countTokens")),
    Row("body.project", None, "§5, countTokens", ("countTokens",)),
    Row("body.model", None, "§5, countTokens", ("countTokens",)),
    Row("body.project", r"[a-z][a-z0-9.:-]*", "§7", ("fetchAvailableModels", "retrieveUserQuotaSummary")),
)
_INNER = {"sessionId", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
_GENERATE = {
    "": {"project", "requestId", "userAgent", "requestType", "model", "enabledCreditTypes", "request"},
    "request": _INNER,
}
KNOWN = {
    "generateContent": _GENERATE,
    "streamGenerateContent": _GENERATE,
    "countTokens": {"": {"request"}, "request": _INNER - {"sessionId"}},
    "loadCodeAssist": {"": {"metadata"}, "metadata": {"ideType", "platform", "pluginType"}},
    "onboardUser": {"": {"tier_id", "metadata"}, "metadata": {"ide_type", "ide_version", "ide_name"}},
    "fetchAvailableModels": {"": {"project"}},
    "retrieveUserQuotaSummary": {"": {"project"}},
}
#: What a schema may have after the cleaning table of §6.2.
SCHEMA = {"type", "description", "nullable", "enum", "items", "properties", "required"}
TYPES = {"object", "array", "string", "number", "integer", "boolean"}


def schema_faults(schema: Any, *, claude: bool, top: bool = True) -> Iterator[str]:
    """What the service refuses as INVALID_ARGUMENT on tools…parameters (§6.2, §8)."""
    if not isinstance(schema, dict):
        yield f"{schema!r} is no schema"
        return
    yield from (f"unknown keyword {name}" for name in sorted(schema.keys() - SCHEMA))
    kind = schema.get("type")
    if kind not in TYPES or (top and kind != "object"):
        yield f"type {kind!r}"
    if any(not isinstance(value, str) for value in schema.get("enum", [])):
        yield "an enum value is no text"
    properties = schema.get("properties", {})
    if set(schema.get("required", [])) - properties.keys():
        yield "required names a property that is not there"
    if claude and kind == "object" and not properties:
        yield "an object without properties (VALIDATED)"
    if claude and kind == "object" and not top and not schema.get("required"):
        yield "a nested object that requires nothing (VALIDATED)"
    for child in [*properties.values(), *([schema["items"]] if "items" in schema else [])]:
        yield from schema_faults(child, claude=claude, top=False)


def part_faults(part: Json) -> Iterator[str]:
    if part.get("text") == "" and "thoughtSignature" not in part:
        yield "required oneof field 'data' must have one initialized field (§8)"
    if "cache_control" in part:
        yield "cache_control (§5)"
    answer = part.get("functionResponse", {}).get("response")
    if answer is not None and answer.keys() not in ({"result"}, {"error"}):
        yield "a functionResponse wants its text under result (§6)"
    if "functionResponse" in part and not part["functionResponse"].get("id"):
        yield "a functionResponse wants the id of its call (§6)"


def order(part: Json) -> int:
    return 0 if part.get("thought") else 2 if "functionCall" in part else 1


class AntigravityApp(GoogleApp):
    rows, known, client_id = ROWS, KNOWN, CLIENT_ID
    redirects = r"http://localhost:51121/oauth-callback"  # §1

    @property
    def own(self) -> AntigravityStandIn:
        assert isinstance(self.standin, AntigravityStandIn)
        return self.standin

    def more(self, seen: Seen) -> Iterator[str]:
        if seen.method not in GENERATES:
            return
        body = seen.body
        if (body["requestType"] == "image_gen") is not ("-image" in body["model"]):
            yield "requestType and model do not fit (§5)"
        if "enabledCreditTypes" in body and not self.own.credits:
            yield "enabledCreditTypes: nobody opted in (§5)"
        inner, claude = body["request"], body["model"].startswith("claude")
        for content in inner["contents"]:
            for part in content["parts"]:
                yield from part_faults(part)
            if content["role"] == "model" and [order(p) for p in content["parts"]] != sorted(
                order(p) for p in content["parts"]
            ):
                yield "parts of a model turn: thinking, text, functionCall (§6.1)"
        tools = inner.get("tools", [])
        kinds = {name for tool in tools for name in tool}
        if {"googleSearch", "functionDeclarations"} <= kinds:
            yield "googleSearch next to functionDeclarations (§6.2)"
        for declaration in (one for tool in tools for one in tool.get("functionDeclarations", [])):
            if "parametersJsonSchema" in declaration or "input_schema" in declaration:
                yield "a schema is written as parameters (§6.2)"
            if len(declaration["name"]) > 64:
                yield "a name of more than 64 characters (§6.2)"
            if claude or "parameters" in declaration:
                yield from schema_faults(declaration.get("parameters"), claude=claude)
        yield from self.generation_faults(inner, claude)

    def generation_faults(self, inner: Json, claude: bool) -> Iterator[str]:
        config = inner.get("generationConfig", {})
        thinking = config.get("thinkingConfig", {})
        mode = inner.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode")
        if not claude:
            if "maxOutputTokens" in config:
                yield "maxOutputTokens is Claude's alone (§5)"
            if thinking.get("thinkingLevel", "low") not in ("low", "medium", "high"):
                yield "thinkingLevel is low, medium or high (§6.1)"
            return
        if inner.get("tools") and mode != "VALIDATED":
            yield "Claude's functions are VALIDATED (§5)"
        if thinking.keys() - {"includeThoughts", "thinkingBudget"}:
            yield "Claude takes a thinkingBudget (§6.1)"
        if thinking and not 0 < thinking["thinkingBudget"] < config.get("maxOutputTokens", 0) <= 64000:
            yield "maxOutputTokens must be larger than thinkingBudget (§5)"

    def spelled(self, project: str) -> Any:
        return {"id": project} if self.own.project_is_object else project

    # -- what accounts and models are asked for

    def on_fetchAvailableModels(self, request: Recorded, seen: Seen) -> Reply:
        return self.json_reply(200, self.own.available)

    def on_retrieveUserQuotaSummary(self, request: Recorded, seen: Seen) -> Reply:
        return self.json_reply(200, {"groups": self.own.groups})

    # -- generation

    def on_generateContent(self, request: Recorded, seen: Seen) -> Reply:
        return self._generate(request, seen)

    def on_streamGenerateContent(self, request: Recorded, seen: Seen) -> Reply:
        return self._generate(request, seen)

    def on_countTokens(self, request: Recorded, seen: Seen) -> Reply:
        inner = {"contents": [{"role": "user", "parts": [{"text": dumps(seen.body["request"])}]}]}
        return self.inner(request, "gemini-3-flash", "countTokens", inner)

    def _generate(self, request: Recorded, seen: Seen) -> Reply:
        model = seen.body["model"]
        inner = {name: value for name, value in seen.body["request"].items() if name != "sessionId"}
        if model.startswith("claude"):
            return self._claude(request, model, inner, seen.method == "streamGenerateContent")
        # gpt-oss signs nothing, like the models before Gemini 3.
        known = "gemini-2.5-oss" if model.startswith("gpt-oss") else model
        return self.inner(request, known, seen.method, inner)

    def _claude(self, request: Recorded, model: str, inner: Json, stream: bool) -> Reply:
        request.protocol, request.endpoint, request.json = "gemini", "generate", inner
        for text in self.thought_faults(inner):
            return self.no(request, 400, "INVALID_ARGUMENT", text)
        plain = {**inner, "contents": [unsigned(content) for content in inner["contents"]]}
        canonical = proto.request(plain, "generate")
        ask = Ask(canonical, {"x-goog-api-key": self.standin.key or ""}, {}, "generate", model, self.standin.policy)
        rules = [rule for rule in RULES if rule not in (signature_origin, signature_present)]
        if complaint := first_complaint(rules, ask):
            return self.no(request, 400, "INVALID_ARGUMENT", f"{complaint[0]}: {complaint[1].message}")
        view = replace(reading.read("gemini", canonical, model, stream), schema=told_schema(inner))
        served = choose(self.standin.scenario_for(request), view)
        request.failure = self.standin.take_failure(served.index)
        if isinstance(request.failure, Status):
            body = status_body("gemini", request.failure)
            data = (body if isinstance(body, str) else dumps(body)).encode()
            return Reply(request.failure.code, {"content-type": JSON_TYPE, **request.failure.headers}, [data])
        request.turn = served.index
        usage = usage_of(served.turn, len(request.raw))
        job = Job(ask, view, served.turn, usage, secrets.token_hex(16), 0)
        rendering = render_claude(job)
        reply = self.streamed(rendering) if stream else self.json_reply(200, rendering.whole)
        return enveloped(self.failing(reply, request.failure, "gemini", job, rendering))

    def thought_faults(self, inner: Json) -> Iterator[str]:
        """§6.1: signed by this service, whole, first in their turn; calls under way not without one."""
        thinks = "thinkingConfig" in inner.get("generationConfig", {})
        for content in inner["contents"]:
            for part in content["parts"]:
                if "thoughtSignature" in part and not part.get("thought"):
                    yield "Invalid `signature` in a part that is no thinking block"
                if part.get("thought"):
                    claims = unseal(self.standin.account, "antigravity.claude", part.get("thoughtSignature", ""))
                    if claims is None or claims["text"] != digest(part["text"]):
                        yield "messages.1.content.0: Invalid `signature` in `thinking` block"
        under_way: list[Json] = []
        for content in inner["contents"]:
            under_way = [] if any("text" in p for p in content["parts"] if content["role"] == "user") else under_way
            under_way.append(content)
        calling = [c for c in under_way if c["role"] == "model" and any("functionCall" in p for p in c["parts"])]
        if thinks and calling and not any(part.get("thought") for part in calling[-1]["parts"]):
            yield "Expected `thinking`, but found `tool_use`: a final assistant message must start with thinking"


def told_schema(inner: Json) -> Json | None:
    """The schema that a system text asks to answer by, which a model with no field for one obeys."""
    for part in inner.get("systemInstruction", {}).get("parts", []):
        _, marker, rest = part.get("text", "").partition("JSON Schema:\n")
        if marker:
            schema: Json = json.loads(rest)
            return schema
    return None


def unsigned(content: Json) -> Json:
    """Without thoughts, which the rules of Gemini's turns do not know signed like this."""
    return {**content, "parts": [part for part in content["parts"] if not part.get("thought")] or [{"text": "."}]}


def render_claude(job: Job) -> Rendering:
    """Thoughts with their signature, text, calls with `toolu_vrtx_` ids (§6)."""
    whole = response(job, [*thought_parts(job), *text_parts(job), *call_parts(job)], last=True)
    chunks = []
    for part in thought_parts(job):
        chunks += [response(job, [{"text": piece, "thought": True}]) for piece in pieces(part["text"], TEXT_PIECE)]
        chunks.append(response(job, [{**part, "text": ""}]))
    chunks += [response(job, [{"text": piece}]) for piece in pieces(job.turn.text, TEXT_PIECE)]
    chunks += [response(job, [part]) for part in call_parts(job)]
    chunks.append(response(job, [{"text": ""}], last=True))
    for chunk in (whole, *chunks):
        chunk["responseId"] = f"msg_vrtx_{job.token[:20]}"
        for candidate in chunk["candidates"]:
            if "finishReason" in candidate:
                candidate["finishReason"] = "OTHER" if job.turn.stop == "refusal" else STOPS[job.turn.stop or "end"]
    return Rendering(whole, [f"data: {dumps(chunk)}\n\n".encode() for chunk in chunks], "text/event-stream")


def thought_parts(job: Job) -> list[Json]:
    config = job.ask.body.get("generationConfig", {}).get("thinkingConfig", {})
    if not config.get("includeThoughts"):
        return []
    account = job.ask.policy.account
    return [
        {"text": text, "thought": True, "thoughtSignature": seal(account, "antigravity.claude", text=digest(text))}
        for text in job.turn.thoughts
    ]


def text_parts(job: Job) -> list[Json]:
    return [{"text": job.turn.text}] if job.turn.text else []


def call_parts(job: Job) -> list[Json]:
    return [
        {"functionCall": {"name": c.name, "args": c.arguments, "id": f"toolu_vrtx_{job.token[:18]}{index:02d}"}}
        for index, c in enumerate(job.turn.calls)
    ]


class AntigravityStandIn(GoogleStandIn):
    """`available` and `groups` are what it tells of models and allowances."""

    app = AntigravityApp

    def be_new(self) -> None:
        super().be_new()
        self.credits = False
        self.project_is_object = True
        self.available: Json = {
            "models": {
                "claude-sonnet-4-6": {
                    "displayName": "Claude Sonnet 4.6",
                    "quotaInfo": {"remainingFraction": 0.5, "resetTime": "2099-01-01T00:00:00Z"},
                },
                "claude-opus-4-6-thinking": {"quotaInfo": {"remainingFraction": 0.4}},
                "gemini-3-flash": {"quotaInfo": {"remainingFraction": 1}},
                "gemini-3.6-flash-high": {"displayName": "Gemini 3.6 Flash (High)"},
                "gemini-pro-agent": {"quotaInfo": {"remainingFraction": 0.9, "resetTime": "2099-01-01T00:00:00Z"}},
                "chat_20706": {"quotaInfo": {"remainingFraction": 1}},
            },
            "deprecatedModelIds": {"gemini-3-flash-preview": {"newModelId": "gemini-3-flash"}},
        }
        self.groups: list[Json] = [
            {
                "displayName": "Claude and GPT",
                "buckets": [
                    {"window": "weekly", "remainingFraction": 0.9, "resetTime": "2099-01-01T00:00:00Z"},
                    {"window": "5h", "remainingFraction": 0.5},
                ],
            }
        ]
