"""Whatever a body looks like, the rules answer with a verdict: a broken request is refused, never a crash."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import proto, test_rules_anthropic, test_rules_gemini, test_rules_openai_chat, test_rules_openai_responses
from .ask import Json, Protocol
from .cases import Case, changed, check
from .reading import read

TABLES: dict[Protocol, Any] = {
    "anthropic": test_rules_anthropic,
    "openai_chat": test_rules_openai_chat,
    "openai_responses": test_rules_openai_responses,
    "gemini": test_rules_gemini,
}
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 2.5, "", "x", "\ud83c", [], [None], [[]], {}, {"type": "text"}, {"type": None}, [{}]]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from places(child, (*path, name))


def bodies(protocol: Protocol) -> list[Json]:
    table = TABLES[protocol]
    cases: list[Case] = table.CASES
    return [changed(table.LEAST, changes) for case in cases for changes in (case.accepted, case.refused) if changes]


@pytest.mark.parametrize("protocol", TABLES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_body_with_junk_in_one_place_gets_a_verdict(protocol: Protocol, data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(bodies(protocol))))
    path = data.draw(st.sampled_from(list(places(body))))
    inside: Any = body
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = data.draw(JUNK)

    refusal = check(protocol, body)

    if refusal is None:
        assert read(protocol, proto.request(body, "generate") if protocol == "gemini" else body).calls >= 0
    else:
        assert 400 <= refusal.status < 500
