"""A Gemini client's body → the canonical request."""

from __future__ import annotations

from typing import Any

from translators.canonical.errors import TranslationError
from translators.canonical.request import Request
from translators.gemini import contents_decode, generation, tools, wire
from translators.gemini.wire import PROTOCOL_ID

Json = dict[str, Any]

_KNOWN = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model"})


def decode_request(body: Json, model: str | None, stream: bool | None) -> Request:
    """Also the body of countTokens, in either form. Raises TranslationError as the API would answer 400."""
    counted = wire.mapping(body, "generateContentRequest")
    if counted is not None:
        body = counted
    contents = wire.items(body, "contents")
    if not contents:
        raise TranslationError("* GenerateContentRequest.contents: contents is not specified", param="contents")
    config = wire.mapping(body, "generationConfig") or {}
    tool_config = wire.mapping(body, "toolConfig")
    return Request(
        origin=PROTOCOL_ID,
        model=model or (wire.text(body, "model") or "").removeprefix("models/"),
        system=contents_decode.decode_system(wire.get(body, "systemInstruction")),
        turns=contents_decode.decode_contents(contents),
        tools=tools.decode_tools(wire.items(body, "tools")),
        tool_choice=tools.decode_choice(tool_config),
        max_tokens=wire.integer(config, "maxOutputTokens"),
        sampling=generation.decode_sampling(config),
        stop=[stop for stop in wire.items(config, "stopSequences") if isinstance(stop, str)],
        reasoning=generation.decode_reasoning(config),
        output=generation.decode_output(config),
        stream=bool(stream),
        extra=_extra(body, config, tool_config),
    )


def _extra(body: Json, config: Json, tool_config: Json | None) -> Json:
    """Safety settings, cached content and whatever else only Gemini understands."""
    extra = {
        wire.camel(key): value for key, value in body.items() if wire.camel(key) not in _KNOWN and value is not None
    }
    if own := generation.own_config(config):
        extra["generationConfig"] = own
    if own := tools.own_tool_config(tool_config):
        extra["toolConfig"] = own
    return extra
