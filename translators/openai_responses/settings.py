"""`reasoning` and `text` of a request, both ways (openai_responses.md §2, mapping.md §5)."""

from __future__ import annotations

import re

from translators import openai_wire as wire
from translators.canonical.reasoning import clamp_effort, effort_of_budget
from translators.canonical.request import Effort, Output, Reasoning, ReasoningMode, Request
from translators.canonical.target import ALL_EFFORTS, Target
from translators.openai_responses.wire import ID, Json

_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
_WORDED = frozenset({"effort", "summary"})


def decode_reasoning(raw: object) -> tuple[Reasoning, Json]:
    """→ (canonical, what only this protocol has words for: `context`, `mode`, a summary other than auto)."""
    members = wire.optional_mapping(raw, "reasoning")
    extra = {key: value for key, value in members.items() if key not in _WORDED}
    summary = members.get("summary", members.get("generate_summary"))
    if summary not in (None, "auto"):
        extra["summary"] = summary
    effort = wire.optional_text(members.get("effort"), "reasoning.effort")
    reasoning = Reasoning(show="default" if summary is None else "none" if summary == "none" else "summary")
    if effort is not None:
        if effort not in ALL_EFFORTS:
            raise wire.refuse(f"Invalid value for 'reasoning.effort': {effort!r}.", "reasoning.effort", "invalid_value")
        reasoning.effort = next(known for known in ALL_EFFORTS if known == effort)
        reasoning.mode = ReasoningMode.OFF if effort == "none" else ReasoningMode.ADAPTIVE
    return reasoning, extra


def encode_reasoning(request: Request, target: Target) -> Json:
    """The `reasoning` object, empty where nothing is asked for. `request` is prepared."""
    reasoning = request.reasoning
    encoded: Json = {}
    effort = _effort(reasoning, target)
    if effort is not None:
        encoded["effort"] = effort
    # An old Anthropic client that sets a budget is shown its thinking without asking for it.
    if reasoning.show == "summary" or (reasoning.show == "default" and reasoning.mode is ReasoningMode.BUDGET):
        encoded["summary"] = "auto"
    if request.origin == ID:
        extra = request.extra.get("reasoning")
        encoded.update(extra if isinstance(extra, dict) else {})
    return encoded


def _effort(reasoning: Reasoning, target: Target) -> Effort | None:
    match reasoning.mode:
        case ReasoningMode.OFF:
            return clamp_effort("none", target.efforts)
        case ReasoningMode.BUDGET if reasoning.budget is not None and reasoning.budget >= 0:
            return clamp_effort(effort_of_budget(reasoning.budget), target.efforts)
        case ReasoningMode.ADAPTIVE | ReasoningMode.BUDGET:
            return reasoning.effort
    return None


def decode_text(raw: object) -> tuple[Output | None, str | None]:
    """→ (structured output, verbosity)."""
    members = wire.optional_mapping(raw, "text")
    verbosity = wire.optional_text(members.get("verbosity"), "text.verbosity")
    form = wire.optional_mapping(members.get("format"), "text.format")
    kind = form.get("type", "text")
    if kind == "json_object":
        return Output(json=True), verbosity
    if kind != "json_schema":
        return None, verbosity
    inner = form.get("json_schema")  # Chat's nesting, sent here by mistake
    form = inner if isinstance(inner, dict) and "schema" not in form else form
    output = Output(
        wire.mapping(form.get("schema"), "text.format.schema"),
        name=wire.optional_text(form.get("name"), "text.format.name"),
        description=wire.optional_text(form.get("description"), "text.format.description"),
        strict=wire.optional_bool(form.get("strict"), "text.format.strict"),
    )
    return output, verbosity


def encode_text(output: Output | None, verbosity: str | None, *, own: bool, schemas: bool = True) -> Json:
    """The `text` object, empty where nothing is asked for. Without `schemas` any JSON must do."""
    encoded: Json = {}
    if output is not None and output.schema is not None and schemas:
        form: Json = {"type": "json_schema", "name": _name(output.name), "schema": output.schema}
        if output.description is not None:
            form["description"] = output.description
        if output.strict is not None or not own:
            form["strict"] = bool(output.strict)
        encoded["format"] = form
    elif output is not None and (output.json or output.schema is not None):
        encoded["format"] = {"type": "json_object"}
    if verbosity is not None:
        encoded["verbosity"] = verbosity
    return encoded


def _name(name: str | None) -> str:
    """The API wants a name of up to 64 letters, digits, `_` and `-`."""
    return _NOT_IN_NAME.sub("_", name or "")[:64] or "output"
