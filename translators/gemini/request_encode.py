"""The canonical request → a body for a Gemini backend. The model's name and streaming are in the URL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from translators import jsonio
from translators.canonical.errors import TranslationError
from translators.canonical.prepare import prepare
from translators.canonical.request import Request
from translators.canonical.target import Target
from translators.gemini import contents_encode, generation, tools
from translators.gemini.wire import PROTOCOL_ID
from translators.protocol import Encoded

Json = dict[str, Any]


def encode_request(request: Request, target: Target) -> Encoded:
    """Raises TranslationError for more than one answer (n): the canonical answer is one, and one of several paid for
    would be lost without a word."""
    if (request.sampling.n or 1) > 1:
        raise TranslationError("More than one answer (n, candidateCount) cannot be translated.", param="n")
    if target.protocol != PROTOCOL_ID:  # a private wire around this protocol
        target = replace(target, protocol=PROTOCOL_ID)
    request, names, notes = prepare(request, target)
    body: Json = {"contents": contents_encode.encode_contents(request.turns, target)}
    system = [{"text": text.text} for text in request.system]
    if request.output is not None and request.output.schema is not None and not target.json_schema:
        system.append({"text": _schema_instruction(request.output.schema)})
        notes.append("The schema of the answer became an instruction: the model takes none.")
    if system:
        body["systemInstruction"] = {"parts": system}
    if offered := tools.encode_tools(request.tools, target):
        body["tools"] = offered
    if (choice := tools.encode_choice(request.tool_choice)) is not None:
        body["toolConfig"] = {"functionCallingConfig": choice}
    if request.parallel is False:
        notes.append("Parallel tool calls stay possible: the backend has no switch for them.")
    if config := generation.encode_config(request, target, notes):
        body["generationConfig"] = config
    if request.origin == PROTOCOL_ID:
        _merge(body, request.extra)
    return Encoded(body, names, notes=notes)


def encode_count_request(request: Request, target: Target) -> Json:
    """The long form, which counts system text and tools too (Vertex takes the body bare: its provider unwraps it)."""
    name = target.model if "/" in target.model else f"models/{target.model}"
    return {"generateContentRequest": {"model": name, **encode_request(request, target).body}}


def _schema_instruction(schema: Json) -> str:
    return f"Answer with nothing but JSON that fits this JSON Schema:\n{jsonio.dumps_str(schema)}"


def _merge(into: Json, extra: Json) -> None:
    """Add what only Gemini understands, one level after the other; a mode of its own wins over AUTO."""
    for key, value in extra.items():
        own = into.get(key)
        if isinstance(own, dict) and isinstance(value, dict):
            merged = dict(own)
            _merge(merged, value)
            into[key] = merged
        elif own is None or own == "AUTO":
            into[key] = value
