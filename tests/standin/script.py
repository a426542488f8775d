"""The scripted model: which turns it takes in a conversation, and which one answers a given request.

The answer is found without state: the number of scripted calls that the incoming history already holds decides. So side
calls, retries and failovers do not disturb a script, and however a history groups its calls (all at once, or each with
its result), the same turn follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .schemas import instance

if TYPE_CHECKING:
    from .reading import View
    from .records import Recorded

Stop = Literal["end", "length", "stop_sequence", "refusal"]
# Characters a token, for the usage that a script does not state.
CHARACTERS = 4


@dataclass(frozen=True)
class Call:
    """One tool call. ``text`` is the free-form input where the request declares the tool as a custom one."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    text: str | None = None

    @property
    def json(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class Usage:
    """Tokens: ``fresh`` input without caches, ``output`` with reasoning, ``reasoning`` a part of it."""

    fresh: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        return self.fresh + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True)
class Turn:
    """One answer of the model: thinking first, then text, then calls (in parallel).

    ``thinking`` is one thought or several; ``redacted`` adds an encrypted one (Anthropic only). ``stop`` None means
    "end", or tool use when there are calls. ``usage`` None: estimated from lengths.
    """

    thinking: str | tuple[str, ...] = ()
    text: str = ""
    calls: tuple[Call, ...] | list[Call] = ()
    stop: Stop | None = None
    stop_sequence: str | None = None
    usage: Usage | None = None
    redacted: bool = False

    @property
    def thoughts(self) -> tuple[str, ...]:
        if isinstance(self.thinking, str):
            return (self.thinking,) if self.thinking else ()
        return tuple(self.thinking)


@dataclass(frozen=True)
class Scenario:
    """Turns with calls, then the ``final`` answer; ``side`` answers requests that lack the scenario's tools."""

    turns: tuple[Turn, ...] | list[Turn] = ()
    final: Turn | str = ""
    side: str = "Done."

    def __post_init__(self) -> None:
        if not all(turn.calls for turn in self.turns):
            raise ValueError("every turn but the final one needs calls, for they tell how far a conversation has come")

    @property
    def tools(self) -> frozenset[str]:
        return frozenset(call.name for turn in self.turns for call in turn.calls)

    @property
    def last(self) -> Turn:
        return Turn(text=self.final) if isinstance(self.final, str) else self.final


HELLO = Scenario(final=Turn(thinking="The user said something. A greeting will do.", text="Hello"))
Chooser = Callable[["Recorded"], Scenario]


@dataclass(frozen=True)
class Served:
    """The chosen turn; ``index`` counts from 0 (``len(turns)`` is the final one) and is None on side calls."""

    turn: Turn
    index: int | None

    @property
    def is_side(self) -> bool:
        return self.index is None


def choose(scenario: Scenario, view: View) -> Served:
    """The turn that follows the history of a request."""
    structured = view.schema is not None or view.json_mode
    if scenario.tools - view.tools.keys() or (structured and not scenario.tools):
        return Served(Turn(text=side_text(scenario, view)), None)
    done = 0
    for index, turn in enumerate(scenario.turns):
        done += len(turn.calls)
        if view.calls < done:
            return Served(turn, index)
    return Served(scenario.last, len(scenario.turns))


def side_text(scenario: Scenario, view: View) -> str:
    if view.schema is not None:
        return json.dumps(instance(view.schema), ensure_ascii=False)
    return "{}" if view.json_mode else scenario.side


def usage_of(turn: Turn, request_size: int) -> Usage:
    """The stated usage, else an estimate in which a part of the input came from the cache."""
    if turn.usage is not None:
        return turn.usage
    tokens = max(2, request_size // CHARACTERS)
    reasoning = sum(len(thought) for thought in turn.thoughts) // CHARACTERS
    written = len(turn.text) + sum(len(call.name) + len(call.json) for call in turn.calls)
    cached = tokens // 2
    output = reasoning + max(1, written // CHARACTERS)
    return Usage(fresh=tokens - cached, cache_read=cached, output=output, reasoning=reasoning)
