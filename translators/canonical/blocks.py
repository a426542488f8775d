"""The pieces of a turn: text, media, thinking, tool calls and their results.

`origin` on opaque data is the protocol id that produced it ("anthropic", "openai_responses", "gemini", …): whoever
encodes for another protocol must drop or carry it (`carrier.py`), never pass it on as if it were its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(slots=True)
class Text:
    text: str
    citations: list[Json] | None = None
    cache: Json | None = None
    phase: str | None = None  # openai_responses: commentary | final_answer


@dataclass(slots=True)
class Image:
    """Exactly one of `data` (base64), `url`, `file_id` is set."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    cache: Json | None = None


@dataclass(slots=True)
class Document:
    """A PDF or a text file. Exactly one of `data` (base64), `url`, `file_id`, `text` is set."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    name: str | None = None
    context: str | None = None
    cache: Json | None = None
    citations: Json | None = None  # anthropic: {"enabled": bool}


@dataclass(slots=True)
class Media:
    """Audio or video. Exactly one of `data` (base64), `url` is set. `media_type` like "audio/wav"."""

    media_type: str
    data: str | None = None
    url: str | None = None
    cache: Json | None = None


@dataclass(slots=True)
class Thinking:
    """Visible reasoning, perhaps with the opaque proof that belongs to it.

    `signature` is Anthropic's `signature`, Responses' `encrypted_content` or Gemini's `thoughtSignature`, told apart by
    `origin`. A Gemini signature, which on the wire sits on the part that follows (or ends) the thought, is always held
    in a Thinking block of its own right **before** the ToolCall it belongs to, or, for a text answer, **after** the
    text; its text may be empty. `item_id` is Responses' `rs_…` id.
    """

    text: str
    signature: str | None = None
    origin: str | None = None
    kind: Literal["raw", "summary"] = "summary"
    item_id: str | None = None


@dataclass(slots=True)
class Opaque:
    """Data only its own protocol can read: Anthropic's redacted_thinking, Responses' compaction."""

    data: str
    origin: str
    kind: str = "redacted_thinking"


@dataclass(slots=True)
class ToolCall:
    """`arguments` is the JSON text as it came (may be broken), or the free text of a custom tool."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom", "server"] = "function"
    namespace: str | None = None
    cache: Json | None = None


@dataclass(slots=True)
class ToolResult:
    """`blocks` are Text, Image, Document, Media (or Unknown). `name` when the protocol gave it (gemini)."""

    id: str
    blocks: list[Block] = field(default_factory=list)
    is_error: bool = False
    name: str | None = None
    kind: Literal["function", "custom", "server"] = "function"
    cache: Json | None = None


@dataclass(slots=True)
class Refusal:
    text: str


@dataclass(slots=True)
class Unknown:
    """A block this gateway has no word for, verbatim. Only `origin` re-emits it; others drop it with a note."""

    origin: str
    raw: Json


Block = Text | Image | Document | Media | Thinking | Opaque | ToolCall | ToolResult | Refusal | Unknown
