"""A guess at a request's input tokens, for backends that have no endpoint to count them.

Clients use the number to decide when to compact, so it errs on the high side. No tokenizer: those are big, per model,
and fetched from the network (field.md §0.3).

Text: 3.5 ASCII characters a token (English prose has about 4, code and JSON about 3), one token per CJK character (0.7
to 1.3 in current vocabularies), 2 characters of any other script, 2 tokens per emoji or other astral character.
"""

from __future__ import annotations

import math
import re

from translators import jsonio
from translators.canonical.blocks import (
    Block,
    Document,
    Image,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from translators.canonical.request import Request, Tool

#: An image at the size that vendors scale to (Anthropic: about 1,600 at most).
IMAGE_TOKENS = 1_600

#: A page of a PDF, text and picture of it, and the bytes such a page usually has.
PAGE_TOKENS = 2_000
_PAGE_BYTES = 60_000

#: A recording or film whose length is unknown.
MEDIA_TOKENS = 2_000

#: Frame of a turn or block; what a tool adds beside its text; what the first tool brings along.
_TURN = 4
_BLOCK = 2
_TOOL = 10
_TOOL_PROMPT = 300

_ASCII_PER_TOKEN = 3.5
_OTHER_PER_TOKEN = 2.0
_TOKENS_PER_ASTRAL = 2

_ASCII = re.compile(r"[\x00-\x7f]+")
_CJK = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]+")
_ASTRAL = re.compile(r"[\U00010000-\U0010ffff]+")


def estimate_tokens(request: Request) -> int:
    """Input tokens of `request`, at least 1. Thinking counts by its text, signatures not at all."""
    total = sum(text_tokens(text.text) + _BLOCK for text in request.system)
    for turn in request.turns:
        total += _TURN + sum(_of_block(block) for block in turn.blocks)
    if request.tools:
        total += _TOOL_PROMPT + sum(_of_tool(tool) for tool in request.tools)
    if request.output is not None and request.output.schema is not None:
        total += _of_json(request.output.schema)
    return max(total, 1)


def text_tokens(text: str) -> int:
    """Tokens of a text, rounded up; 0 for none."""
    if text.isascii():
        return math.ceil(len(text) / _ASCII_PER_TOKEN)
    rest = _ASCII.sub("", text)
    ascii_count = len(text) - len(rest)
    other = _CJK.sub("", rest)
    cjk_count = len(rest) - len(other)
    plain = _ASTRAL.sub("", other)
    astral_count = len(other) - len(plain)
    return math.ceil(
        ascii_count / _ASCII_PER_TOKEN + cjk_count + astral_count * _TOKENS_PER_ASTRAL + len(plain) / _OTHER_PER_TOKEN
    )


def _of_json(value: object) -> int:
    return text_tokens(jsonio.dumps_str(value))


def _of_tool(tool: Tool) -> int:
    text = text_tokens(tool.name) + text_tokens(tool.description or "")
    shape = tool.raw if tool.raw is not None and tool.schema is None else tool.schema or tool.format
    return _TOOL + text + (_of_json(shape) if shape else 0)


def _of_document(document: Document) -> int:
    named = text_tokens(document.name or "") + text_tokens(document.context or "")
    if document.text is not None:
        return named + text_tokens(document.text)
    pages = math.ceil(len(document.data) * 3 / 4 / _PAGE_BYTES) if document.data else 1
    return named + max(pages, 1) * PAGE_TOKENS


def _of_block(block: Block) -> int:
    return _BLOCK + _content(block)


def _content(block: Block) -> int:
    match block:
        case Text() | Thinking() | Refusal():
            return text_tokens(block.text)
        case Image():
            return IMAGE_TOKENS
        case Document():
            return _of_document(block)
        case Media():
            return MEDIA_TOKENS
        case ToolCall():
            return text_tokens(block.name) + text_tokens(block.arguments)
        case ToolResult():
            return sum(_of_block(inner) for inner in block.blocks)
        case Opaque():
            return math.ceil(len(block.data) / _ASCII_PER_TOKEN / 2)  # encrypted base64: about half of it is content
        case Unknown():
            return _of_json(block.raw)
