"""The canonical stream of an answer: small events that every protocol decodes into and encodes from.

Grammar (mapping.md §1)::

    Start (BlockStart BlockDelta* BlockStop)* … Usage* Finish

with `Ping` anywhere and `Error` instead of `Finish`. Block indices are dense from 0, exactly one block is open at a
time, there is exactly one Start (before all else but Ping and Error) and exactly one Finish **or** Error, which is the
last event: decoders hold Finish back until the usage is known or the stream has ended, so a Usage never follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from translators.canonical.blocks import Block
from translators.canonical.errors import ErrorInfo

Json = dict[str, Any]


class StopReason(StrEnum):
    END = "end"
    TOOL_USE = "tool_use"
    LENGTH = "length"
    CONTEXT_FULL = "context_full"
    STOP_SEQUENCE = "stop_sequence"
    REFUSAL = "refusal"  # filtered, refused or a blocked prompt
    PAUSED = "paused"
    MALFORMED_CALL = "malformed_call"


@dataclass(slots=True)
class Usage:
    """Token counts of one answer, cumulative. None = the provider did not say.

    `input_fresh` excludes everything read from or written to a cache (Anthropic's convention); `output` includes
    reasoning. `raw` is the provider's own usage object, kept beside the normalised numbers (mapping.md §3).
    `estimated`: the provider told something else, and the counts were worked out of it.
    """

    input_fresh: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    raw: Json | None = None
    estimated: bool = False

    @property
    def cache_write(self) -> int:
        return (self.cache_write_5m or 0) + (self.cache_write_1h or 0)

    @property
    def input_total(self) -> int:
        """Fresh, cache-read and cache-written input together: what OpenAI and Gemini call the prompt tokens."""
        return (self.input_fresh or 0) + (self.cache_read or 0) + self.cache_write

    @property
    def total(self) -> int:
        return self.input_total + (self.output or 0)

    def merge(self, later: Usage) -> None:
        """Adopt the later figure of each field that has one: counts are cumulative, the last one wins."""
        for name in ("input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning"):
            value = getattr(later, name)
            if value is not None:
                setattr(self, name, value)
        if later.raw is not None:
            self.raw = {**(self.raw or {}), **later.raw}
        self.estimated = later.estimated


@dataclass(slots=True)
class Start:
    """`id` and `model` as the provider sent them ("" where it sent none); `created` in seconds since 1970, or None."""

    id: str = ""
    model: str = ""
    created: int | None = None
    usage: Usage | None = None


BlockKind = Literal["text", "thinking", "tool_call", "refusal", "whole"]


@dataclass(slots=True)
class BlockStart:
    """Opens block `index`. `whole` blocks (Opaque, Unknown, Image …) carry their `block` here and have no deltas.

    For a tool_call: `id`, `name`, `tool_kind`, `namespace`. For thinking: `origin` (protocol of a signature to come),
    `thinking_kind` and `item_id`. For text: `phase`.
    """

    index: int
    kind: BlockKind
    id: str = ""
    name: str = ""
    tool_kind: Literal["function", "custom", "server"] = "function"
    namespace: str | None = None
    origin: str | None = None
    thinking_kind: Literal["raw", "summary"] = "summary"
    item_id: str | None = None
    phase: str | None = None
    block: Block | None = None


DeltaKind = Literal["text", "thinking", "signature", "arguments", "citation", "refusal"]


@dataclass(slots=True)
class BlockDelta:
    """A piece of the open block. `signature` replaces, all others append; a `citation` is in `data`."""

    index: int
    kind: DeltaKind
    text: str = ""
    data: Json | None = None


@dataclass(slots=True)
class BlockStop:
    index: int


@dataclass(slots=True)
class UsageUpdate:
    usage: Usage


@dataclass(slots=True)
class Finish:
    """Why it ended. `sequence` is the stop sequence that matched, `detail` the protocol's own explanation."""

    reason: StopReason
    sequence: str | None = None
    detail: Json | None = field(default=None)


@dataclass(slots=True)
class Error:
    error: ErrorInfo


@dataclass(slots=True)
class Ping:
    pass


StreamEvent = Start | BlockStart | BlockDelta | BlockStop | UsageUpdate | Finish | Error | Ping


def is_content(event: StreamEvent) -> bool:
    """True for a content event: the point of no return for failover (design.md, Words and decision 2)."""
    match event:
        case BlockDelta(kind="signature"):
            return False
        case BlockDelta(text=text, data=data):
            return bool(text) or data is not None
        case BlockStart(kind="tool_call" | "whole"):
            return True
        case Finish():
            return True
        case _:
            return False
