"""The requests of Antigravity: Gemini's own with a few rules more, and Claude's in Gemini's words (antigravity.md §5,
§6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from addons.providers.antigravity import contents, generation, tools
from addons.providers.antigravity.tools import Names, unpadded
from addons.providers.code_assist.wire import (
    GEMINI,
    EnvelopeProtocol,
    EnvelopeReader,
    as_user,
    without_search_beside_functions,
)
from translators import jsonio, registry
from translators.canonical.blocks import Block, Opaque, Thinking
from translators.canonical.errors import TranslationError
from translators.canonical.events import BlockStart, StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.prepare import prepare
from translators.canonical.request import ChoiceMode, Request, ToolChoice, ToolKind, Turn
from translators.canonical.target import Target
from translators.gemini import generation as gemini_generation
from translators.gemini import tools as gemini_tools
from translators.protocol import Encoded

Json = dict[str, Any]

#: What the inner request may have (§5), beside `sessionId`.
INNER = ("contents", "systemInstruction", "tools", "toolConfig", "generationConfig")
#: Who signed Claude's thoughts here; and who signed Gemini's own, where Claude is asked.
CLAUDE = "antigravity_claude"
_ELSEWHERE = "gemini's own"

FORCED_CHOICE = "The tool choice became an instruction: the service takes none for Claude."
NO_SCHEMA = "The schema of the answer became an instruction: the model takes none."


class Antigravity(EnvelopeProtocol):
    """Gemini and gpt-oss."""

    id = "antigravity"

    def encode_request(self, request: Request, target: Target) -> Encoded:
        encoded = registry.get(GEMINI).encode_request(request, replace(target, protocol=GEMINI))
        notes = encoded.notes
        body = {name: encoded.body[name] for name in INNER if name in encoded.body}
        body["contents"] = contents.of_gemini(body["contents"])
        if "systemInstruction" in body:
            body["systemInstruction"] = as_user(body["systemInstruction"])
        names: NameMap = encoded.names
        if "tools" in body:
            offered = without_search_beside_functions(body["tools"], notes)
            body["tools"], names = tools.with_clean_schemas(offered, names, claude=False)
        if config := generation.of_gemini(body.pop("generationConfig", {}), notes):
            body["generationConfig"] = config
        return Encoded(_without_markers(body), names, notes=notes)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return {"request": self.encode_request(request, target).body}


class AntigravityClaude(EnvelopeProtocol):
    """Claude, whose thoughts go back whole and whose tools are always VALIDATED."""

    id = CLAUDE

    def encode_request(self, request: Request, target: Target) -> Encoded:
        if (request.sampling.n or 1) > 1:
            raise TranslationError("More than one answer (n, candidateCount) cannot be translated.", param="n")
        target = replace(target, protocol=GEMINI)
        request, names, notes = prepare(_localised(request), target)
        request = contents.without_thinking_if_lost(request, GEMINI, notes)
        body: Json = {"contents": contents.of_claude(request.turns, GEMINI, target)}
        system = [text.text for text in request.system]
        system += _instructions(request, notes)
        if system:
            body["systemInstruction"] = {"role": "user", "parts": [{"text": text} for text in system]}
        functions = [tool for tool in request.tools if tool.kind is not ToolKind.SERVER]
        offered, known = tools.with_clean_schemas(gemini_tools.encode_tools(functions, target), names, claude=True)
        if offered:
            body["tools"] = offered
            body["toolConfig"] = {"functionCallingConfig": {"mode": "VALIDATED"}}
        config = gemini_generation.encode_config(request, target, notes)
        if config := generation.of_claude(config, target, notes):
            body["generationConfig"] = config
        return Encoded(_without_markers(body), known, notes=notes)

    def encode_count_request(self, request: Request, target: Target) -> Json | None:
        return {"request": self.encode_request(request, target).body}

    def reader(self, names: NameMap) -> EnvelopeReader:
        return ClaudeReader(names)


class ClaudeReader(EnvelopeReader):
    """Says of thoughts who signed them, and takes out of arguments what only pleased the service."""

    def __init__(self, names: NameMap) -> None:
        super().__init__(names)
        self._padded = names.padded if isinstance(names, Names) else {}

    def read(self, chunk: Any, out: list[StreamEvent]) -> None:
        before = len(out)
        super().read(chunk, out)
        for event in out[before:]:
            if isinstance(event, BlockStart) and event.origin == GEMINI:
                event.origin = CLAUDE

    def _emit_call(
        self, identifier: str, backend_name: str, args: Any, signature: str | None, out: list[StreamEvent]
    ) -> None:
        if backend_name in self._padded:
            args = unpadded(args, self._padded[backend_name])
        super()._emit_call(identifier, backend_name, args, signature, out)


def _localised(request: Request) -> Request:
    """Claude's thoughts of this service in Gemini's place, where `prepare` keeps them; Gemini's in nobody's."""
    turns = [Turn(turn.role, [_block(block) for block in turn.blocks]) for turn in request.turns]
    return replace(request, turns=turns)


def _block(block: Block) -> Block:
    if isinstance(block, Thinking | Opaque):
        origins: dict[str | None, str] = {CLAUDE: GEMINI, GEMINI: _ELSEWHERE}
        return replace(block, origin=origins.get(block.origin, block.origin or _ELSEWHERE))
    return block


def _instructions(request: Request, notes: list[str]) -> list[str]:
    """What the service has no field for, in words."""
    told = []
    if request.output is not None and (request.output.schema is not None or request.output.json):
        schema = request.output.schema
        fits = f" that fits this JSON Schema:\n{jsonio.dumps_str(schema)}" if schema is not None else "."
        told.append(f"Answer with nothing but JSON{fits}")
        notes.append(NO_SCHEMA)
    if request.tools and (text := _of_choice(request.tool_choice)):
        told.append(text)
        notes.append(FORCED_CHOICE)
    return told


def _of_choice(choice: ToolChoice | None) -> str:
    if choice is None:
        return ""
    some = f" It must be one of: {', '.join(choice.allowed)}." if choice.allowed else ""
    match choice.mode:
        case ChoiceMode.NONE:
            return "Do not call any function in this answer."
        case ChoiceMode.NAMED:
            return f"Call the function {choice.name} in this answer, and no other."
        case ChoiceMode.REQUIRED:
            return f"Call a function in this answer.{some}"
    return f"If you call a function: {some.strip()}" if some else ""


def _without_markers(body: Json) -> Json:
    """Anthropic's `cache_control`, which a client of Gemini's protocol may have left in its parts: a 400 here."""
    for content in [*body["contents"], body.get("systemInstruction") or {}]:
        for part in content.get("parts", []):
            part.pop("cache_control", None)
    return body
