"""The private wire `bedrock_anthropic`: Anthropic's messages through InvokeModel, its events in event-stream chunks.

Signatures of Claude on Bedrock are tagged as Converse's are (translators/bedrock/origin.py): either wire takes up what
the other began, and Anthropic's own API is not shown them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Any

from addons.providers.bedrock import body
from translators import jsonio, registry
from translators.backend_only import BackendOnly
from translators.bedrock import errors
from translators.bedrock.events import CUT, EventReader
from translators.bedrock.media import data_of
from translators.bedrock.origin import ID as BEDROCK
from translators.bedrock.response import decode_token_count
from translators.canonical.blocks import Block, Document, Image, Opaque, Text, Thinking, ToolResult, Unknown
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import BlockStart, BlockStop, Error, Finish, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.repair.identity import without_attribution
from translators.canonical.repair.notes import Notes
from translators.canonical.request import Request, ToolKind, Turn
from translators.canonical.response import Response
from translators.canonical.target import Target
from translators.framing import sse
from translators.framing.aws_eventstream import CONTENT_TYPE
from translators.protocol import Encoded, StreamDecoder

Json = dict[str, Any]

ANTHROPIC = "anthropic"
#: Stands for Anthropic's own API where blocks are told apart by who made them.
_ELSEWHERE = "anthropic's own API"


class BedrockAnthropic(BackendOnly):
    id = "bedrock_anthropic"
    stream_type = CONTENT_TYPE

    def encode_request(self, request: Request, target: Target) -> Encoded:
        notes = Notes()
        request = _localised(without_attribution(request, notes), target, notes)
        encoded = registry.get(ANTHROPIC).encode_request(request, replace(target, protocol=ANTHROPIC))
        told = [*notes.list(), *encoded.notes]
        betas = [beta for beta in encoded.headers.get("anthropic-beta", "").split(",") if beta]
        return Encoded(body.fitted(encoded.body, betas, target, told), encoded.names, {}, told)

    def decode_response(self, raw: Json, names: NameMap) -> Response:
        response = registry.get(ANTHROPIC).decode_response(raw, names)
        response.blocks = [_ours(block) for block in response.blocks]
        return response

    def stream_decoder(self, names: NameMap) -> StreamDecoder:
        return ChunkDecoder(names)

    def decode_error(self, status: int, headers: dict[str, str], raw: bytes) -> ErrorInfo:
        return errors.decode_error(status, headers, raw)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        counted = jsonio.dumps(self.encode_request(request, target).body)
        return {"input": {"invokeModel": {"body": base64.b64encode(counted).decode()}}}

    def decode_token_count(self, raw: Json) -> int | None:
        return decode_token_count(raw)


def _localised(request: Request, target: Target, notes: Notes) -> Request:
    """The request without what only Anthropic's own API has: server tools, addresses, files, its signatures."""
    tools = [tool for tool in request.tools if tool.kind is not ToolKind.SERVER]
    if len(tools) < len(request.tools):
        notes.add("Server tools were dropped: Bedrock runs none for Claude.")
    turns = [
        Turn(turn.role, [kept for block in turn.blocks if (kept := _block(block, notes)) is not None])
        for turn in request.turns
    ]
    return replace(request, tools=tools, turns=turns)


def _block(block: Block, notes: Notes) -> Block | None:
    match block:
        case Thinking() | Opaque():
            origins: dict[str | None, str] = {BEDROCK: ANTHROPIC, ANTHROPIC: _ELSEWHERE}
            return replace(block, origin=origins.get(block.origin, block.origin or _ELSEWHERE))
        case Image() | Document() if data_of(block) is None and not getattr(block, "text", None):
            notes.add("Images and documents without their bytes became texts: Bedrock fetches none.")
            return Text(f"[{type(block).__name__.lower()} at {block.url or block.file_id or 'no address'}]")
        case Unknown():
            notes.add("Blocks of server tools were dropped: Bedrock does not know them.")
            return None
        case ToolResult():
            return replace(block, blocks=[kept for b in block.blocks if (kept := _block(b, notes)) is not None])
    return block


def _ours(block: Block) -> Block:
    if isinstance(block, Thinking | Opaque) and block.origin == ANTHROPIC:
        return replace(block, origin=BEDROCK)
    return block


class ChunkDecoder:
    """Takes Anthropic's events out of their chunks; their meaning is its own decoder's."""

    def __init__(self, names: NameMap) -> None:
        self._reader = EventReader()
        self._inner = registry.get(ANTHROPIC).stream_decoder(names)
        self._open: int | None = None  # the block that an exception would leave open
        self._done = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for event in self._reader.feed(data):
            if self._done:
                break
            if isinstance(event, ErrorInfo):
                self._fail(event, out)
            elif event.kind == "chunk":
                self._chunk(event.payload.get("bytes"), out)
        return out

    def end(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        if not self._done:
            self._deliver(self._inner.end(), out)
        if not self._done:
            self._fail(ErrorInfo(ErrorKind.SERVER, CUT), out)
        return out

    def _chunk(self, packed: object, out: list[StreamEvent]) -> None:
        try:
            data = base64.b64decode(packed, validate=True) if isinstance(packed, str) else b""
        except (binascii.Error, ValueError):
            self._fail(ErrorInfo(ErrorKind.SERVER, "The backend sent a chunk that is not base64"), out)
            return
        self._deliver(self._inner.feed(sse.frame(data)), out)

    def _deliver(self, events: list[StreamEvent], out: list[StreamEvent]) -> None:
        for event in events:
            if isinstance(event, BlockStart):
                self._open = event.index
                if event.origin == ANTHROPIC:
                    event.origin = BEDROCK
                if event.block is not None:
                    event.block = _ours(event.block)
            elif isinstance(event, BlockStop):
                self._open = None
            elif isinstance(event, Finish | Error):
                self._done = True
            out.append(event)

    def _fail(self, error: ErrorInfo, out: list[StreamEvent]) -> None:
        if self._open is not None:
            out.append(BlockStop(self._open))
        self._done = True
        out.append(Error(error))


PROTOCOL = BedrockAnthropic()
