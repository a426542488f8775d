"""The canonical request: what a client asked for, free of any protocol's spelling.

Source of the shape: `mapping.md` §1. Every protocol package decodes into it and encodes from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, Literal

from translators.canonical.blocks import Block, Text
from translators.canonical.errors import ErrorInfo

Json = dict[str, Any]


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"  # only for system text in mid-conversation; leading system text is `Request.system`


@dataclass(slots=True)
class Turn:
    """One or more successive messages of one role. Neighbours of the same role are merged when decoding."""

    role: Role
    blocks: list[Block]


class ToolKind(StrEnum):
    FUNCTION = "function"
    CUSTOM = "custom"  # free-text input, optionally with a grammar (openai_chat, openai_responses)
    SERVER = "server"  # executed by the backend (web search, code execution …)


@dataclass(slots=True)
class Tool:
    """A tool definition. `schema` is JSON Schema as the client sent it; None when the client gave none.

    A server tool keeps its protocol's own object in `raw`, with `origin` naming that protocol; `concept` names what it
    does ("web_search", "web_fetch", "code_execution", …) so that another protocol can offer its own.
    `namespace` is set for a tool that sat in a Responses `namespace`.
    """

    name: str
    description: str | None = None
    schema: Json | None = None
    kind: ToolKind = ToolKind.FUNCTION
    strict: bool | None = None
    format: Json | None = None  # of a custom tool: {"type": "text"} or a grammar
    namespace: str | None = None
    origin: str | None = None
    concept: str | None = None
    raw: Json | None = None
    cache: Json | None = None  # Anthropic's cache_control marker


class ChoiceMode(StrEnum):
    AUTO = "auto"
    REQUIRED = "required"
    NAMED = "named"
    NONE = "none"


@dataclass(slots=True)
class ToolChoice:
    mode: ChoiceMode
    name: str | None = None  # for NAMED
    allowed: list[str] | None = None  # a subset; None = all


@dataclass(slots=True)
class Sampling:
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    n: int | None = None
    logit_bias: Json | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ReasoningMode(StrEnum):
    DEFAULT = "default"  # the client did not say
    OFF = "off"
    ADAPTIVE = "adaptive"  # the model decides, perhaps guided by `effort`
    BUDGET = "budget"  # `budget` tokens


@dataclass(slots=True)
class Reasoning:
    mode: ReasoningMode = ReasoningMode.DEFAULT
    effort: Effort | None = None
    budget: int | None = None  # tokens; -1 = automatic (gemini)
    show: Literal["default", "summary", "none"] = "default"


@dataclass(slots=True)
class Output:
    """Structured output. `schema` set → JSON that fits it; `json` alone → any JSON object."""

    schema: Json | None = None
    json: bool = False
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(slots=True)
class Request:
    """What the client wants. `extra` holds unknown top-level fields, re-emitted by the same protocol only.

    `origin` is the protocol id that decoded it. `user` is an opaque end-user id (never Claude Code's JSON user_id when
    sent to others, mapping.md §2). `verbosity` is OpenAI's low/medium/high.

    `stateful` is what to tell the client when the request is to be translated although it builds on what its own
    provider has stored (a former response, a template): such a request may only pass through. `prepare` refuses it.
    """

    origin: str
    model: str
    system: list[Text] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    parallel: bool | None = None
    max_tokens: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    stop: list[str] = field(default_factory=list)
    reasoning: Reasoning = field(default_factory=Reasoning)
    output: Output | None = None
    verbosity: str | None = None
    stream: bool = False
    include_usage: bool = False  # openai_chat clients that asked for the usage chunk
    legacy_functions: bool = False  # openai_chat clients that sent `functions`: answered with `function_call`
    user: str | None = None
    cache_key: str | None = None
    service_tier: str | None = None
    stateful: ErrorInfo | None = None
    extra: Json = field(default_factory=dict)

    def altered(self, **changes: Any) -> Request:
        """A copy with some fields changed: `dataclasses.replace` at a quarter of its cost, for it is done often."""
        copy = Request(*_fields(self))
        for name, value in changes.items():
            setattr(copy, name, value)  # raises AttributeError for a field that there is not
        return copy


_fields = attrgetter(*(one.name for one in fields(Request)))
