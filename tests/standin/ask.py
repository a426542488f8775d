"""What a rule sees of a request, what it may say against it, and how strict the stand-in is told to be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Protocol = Literal["anthropic", "openai_chat", "openai_responses", "gemini"]
Dialect = Literal["compatible", "openai", "deepseek"]


@dataclass(frozen=True)
class Policy:
    """Which service is played, where services of one protocol differ.

    ``key``: the only accepted credential (None: any, but one must be there). ``account``: signatures of another
    account are foreign. ``dialect`` (chat only): ``compatible`` and ``deepseek`` show ``reasoning_content`` and refuse
    the role ``developer``, ``deepseek`` also demands the reasoning back, ``openai`` hides reasoning and refuses what
    OpenAI's own models refuse. ``bind_prefix``: Anthropic's preserved thinking (anthropic.md section 6): a signature
    holds only behind the very system, tools and messages that it was issued for.
    """

    key: str | None = None
    account: str = "standin"
    dialect: Dialect = "compatible"
    bind_prefix: bool = False


@dataclass(frozen=True)
class Ask:
    """One request as the rules see it; header names are lower case, ``endpoint`` is "generate" or "count"."""

    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = "generate"
    model: str = ""
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Complaint:
    """What a rule has against a request, before it is dressed in the protocol's error shape."""

    message: str
    status: int = 400
    param: str | None = None
    code: str | None = None
    kind: str | None = None
    reason: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An error answer: HTTP status and body in the protocol's shape, and the rule that gave it."""

    status: int
    body: Any
    message: str
    rule: str

    def __str__(self) -> str:
        return f"{self.status} [{self.rule}] {self.message}"


Rule = Callable[[Ask], Iterable[Complaint]]


def first_complaint(rules: Iterable[Rule], ask: Ask) -> tuple[str, Complaint] | None:
    """The first rule that complains, by name; later rules may rely on what earlier ones have checked."""
    for rule in rules:
        for complaint in itertools.islice(rule(ask), 1):
            return rule.__name__, complaint
    return None


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an ``Authorization: Bearer`` header, None if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def dotted(path: Iterable[str | int]) -> str:
    """A path as Anthropic writes it: ``messages.0.content``."""
    return ".".join(str(step) for step in path)


def bracketed(path: Iterable[str | int]) -> str:
    """A path as OpenAI writes it: ``messages[0].content``."""
    parts: list[str] = []
    for step in path:
        parts.append(f"[{step}]" if isinstance(step, int) else (f".{step}" if parts else step))
    return "".join(parts)


def texts(value: Any) -> Iterator[str]:
    """Every string anywhere inside a JSON value (values only, not keys)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from texts(child)
