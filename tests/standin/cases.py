"""How the rule tables of these tests are written down, and answers of the stand-in made without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import proto
from .app import CHECKS, RENDERERS
from .ask import Ask, Json, Policy, Protocol, Refusal
from .reading import read
from .script import Turn, usage_of
from .wire import Job

KEY = "k"
HEADERS: dict[Protocol, dict[str, str]] = {
    "anthropic": {"x-api-key": KEY, "anthropic-version": "2026-10-21"},
    "openai_chat": {"authorization": f"Bearer {KEY}"},
    "openai_responses": {"authorization": f"Bearer {KEY}"},
    "gemini": {"x-goog-api-key": KEY},
}
TOKEN = "0123456789abcdef" * 2


@dataclass(frozen=True)
class Case:
    """One rule: a body that it refuses with words that contain ``says``, and a near one that is accepted.

    The bodies are changes to the table's least body (a value of ``None`` stays, ``DROP`` takes the field out); what is
    set for headers and policy holds for both, ``refused_headers`` for the refused one alone.
    """

    rule: str
    says: str
    refused: Json
    accepted: Json = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    refused_headers: Mapping[str, str | None] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = "generate"
    model: str = ""
    policy: Policy = field(default_factory=lambda: Policy(key=KEY))
    status: int = 400

    def __str__(self) -> str:
        return f"{self.rule}: {self.says[:60]}"


DROP = object()


def changed(body: Json, changes: Mapping[str, Any]) -> Json:
    """The body with fields replaced, added, or taken out."""
    return {name: value for name, value in {**body, **changes}.items() if value is not DROP}


def verdict(protocol: Protocol, case: Case, least: Json, *, refused: bool) -> Refusal | None:
    """What the protocol's rules say of one of a case's bodies."""
    body = changed(least, case.refused if refused else case.accepted)
    headers = changed(HEADERS[protocol], {**case.headers, **(case.refused_headers if refused else {})})
    if case.model and protocol != "gemini":
        body["model"] = case.model
    model = case.model or str(body.get("model", ""))
    return CHECKS[protocol](Ask(body, headers, case.query, case.endpoint, model, case.policy))


def check(protocol: Protocol, body: Json, policy: Policy | None = None, **headers: str) -> Refusal | None:
    """What the rules say of a body that is sent with the usual headers."""
    ask = Ask(body, {**HEADERS[protocol], **headers}, {}, "generate", str(body.get("model", "")), policy or Policy(KEY))
    return CHECKS[protocol](ask)


def answer(protocol: Protocol, body: Json, turn: Turn, policy: Policy | None = None, model: str = "") -> Json:
    """The whole answer of the stand-in to a valid body, were ``turn`` scripted."""
    ask = Ask(body, HEADERS[protocol], {}, "generate", model or str(body.get("model", "")), policy or Policy(KEY))
    if protocol == "gemini":
        ask = Ask(proto.request(body, "generate"), ask.headers, ask.query, ask.endpoint, ask.model, ask.policy)
    job = Job(ask, read(protocol, ask.body, ask.model), turn, usage_of(turn, 400), TOKEN, 1_790_000_000)
    return RENDERERS[protocol](job).whole


def rule_names(rules: tuple[Callable[..., Any], ...]) -> set[str]:
    """The names that refusals carry."""
    return {rule.__name__ for rule in rules}
