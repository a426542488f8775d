"""The two generations of the service as far as a body differs (kiro.md §4, §6.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass

#: Whose reasoning it is, whatever the generation: the id of the current wire.
ORIGIN = "kiro"


@dataclass(frozen=True, slots=True)
class Dialect:
    """`id`: of the wire. `results_only`, `calls_only`: the text of a turn that has nothing but results, or calls.
    `plain_schemas`: schemas go without `additionalProperties` and empty `required`. `agent_mode`: it is a member of the
    body. `description_bytes`: most that the description of a tool may have, 0 = any. `has_tail`: every answer ends in
    events that tell of it, so that one without them was cut."""

    id: str
    results_only: str
    calls_only: str
    plain_schemas: bool
    agent_mode: bool
    description_bytes: int
    has_tail: bool


CURRENT = Dialect(ORIGIN, "", "", plain_schemas=False, agent_mode=True, description_bytes=0, has_tail=True)
LEGACY = Dialect(
    "kiro_legacy",
    "(tool results)",
    " ",
    plain_schemas=True,
    agent_mode=False,
    description_bytes=10_000,  # an older hard limit; newer servers know none but the context
    has_tail=False,
)
