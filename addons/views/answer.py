"""A content view that shows a model's answer as one reads it: a stream of hundreds of events becomes its few blocks.

mitmproxy chooses it for streams; for whole answers it is one of the views to choose. (mitmproxy sheet, point 15)
"""

from __future__ import annotations

import json

from mitmproxy import contentviews, http
from mitmproxy.addonmanager import Loader

from addons.gateway import exchange as exchanges
from addons.gateway.exchange import Exchange
from addons.providers.api import Operation
from translators import jsonio, registry
from translators.canonical.blocks import Block, Opaque, Refusal, Text, Thinking, ToolCall
from translators.canonical.events import Usage
from translators.canonical.names import NameMap
from translators.canonical.response import Response, folded

NAME = "LLM answer"
_STREAM, _WHOLE, _NOT_OURS = 2.0, 0.5, -1.0  # JSON's own view has 1
_LINE = "─"
_WIDTH = 72


class AnswerView(contentviews.Contentview):
    name = NAME
    syntax_highlight = "none"

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        if not data or _exchange(metadata) is None:
            return _NOT_OURS
        return _WHOLE if _is_json(metadata) else _STREAM

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """Raises ValueError for what is no answer."""
        exchange = _exchange(metadata)
        if exchange is None:
            raise ValueError("this is no answer of a model")
        protocol = registry.get(exchange.output)
        body = jsonio.loads(data) if _is_json(metadata) else None
        if isinstance(body, dict):  # a list is a stream of Gemini's
            return read(protocol.decode_response(body, NameMap()))
        if body is not None and not isinstance(body, list):
            raise ValueError("this is no answer of a model")
        decoder = protocol.stream_decoder(NameMap())
        return read(folded([*decoder.feed(data), *decoder.end()]))


class Views:
    """Makes the views known to mitmproxy."""

    def load(self, _: Loader) -> None:
        contentviews.add(AnswerView)


def read(answer: Response) -> str:
    """An answer as a person reads it: what it is, then block after block."""
    about = {
        "model": answer.model,
        "id": answer.id,
        "stop": answer.stop or ("" if answer.error else "(it does not say)"),
        "tokens": _tokens(answer.usage),
        "error": answer.error.message if answer.error else "",
    }
    parts = ["\n".join(f"{name:7} {value}" for name, value in about.items() if value)]
    parts += [f"{_heading(block)}\n{_text(block)}" for block in answer.blocks]
    return "\n\n".join(parts) + "\n"


def _heading(block: Block) -> str:
    match block:
        case Thinking():
            title = "thinking" + (", signed" if block.signature else "")
        case ToolCall():
            title = f"call of {block.name}, {block.id}"
        case Opaque():
            title = f"{block.kind}, sealed"
        case _:
            title = type(block).__name__.lower()
    return f"{_LINE * 2} {title} ".ljust(_WIDTH, _LINE)


def _text(block: Block) -> str:
    match block:
        case Text() | Thinking() | Refusal():
            return block.text
        case ToolCall():
            return _indented(block.arguments)
        case Opaque():
            return f"({len(block.data)} characters)"
        case _:
            return ""


def _indented(arguments: str) -> str:
    """JSON with a line for each member; as it came where it is none."""
    try:
        return json.dumps(jsonio.loads(arguments), indent=2, ensure_ascii=False)
    except ValueError:
        return arguments


def _tokens(usage: Usage) -> str:
    told = {
        "in": usage.input_total,
        "of them from the cache": usage.cache_read,
        "written to the cache": usage.cache_write,
        "out": usage.output,
        "of them reasoning": usage.reasoning,
    }
    return ", ".join(f"{count} {name}" for name, count in told.items() if count)


def _exchange(metadata: contentviews.Metadata) -> Exchange | None:
    """The exchange, if the message is a model's answer to it."""
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow) or metadata.http_message is not flow.response or flow.response is None:
        return None
    exchange = exchanges.of(flow)
    if exchange is None or exchange.operation is not Operation.GENERATE or flow.response.status_code != 200:
        return None
    return exchange


def _is_json(metadata: contentviews.Metadata) -> bool:
    return "json" in (metadata.content_type or "")
