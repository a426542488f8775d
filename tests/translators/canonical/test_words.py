"""The small tables: efforts and budgets, stop reasons, ids, names, the carrier of signatures."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical import carrier, ids, names
from translators.canonical.events import StopReason
from translators.canonical.names import RULES, NameMap, client_call
from translators.canonical.reasoning import budget_of_effort, clamp_effort, effort_of_budget
from translators.canonical.request import Effort
from translators.canonical.stops import settle
from translators.canonical.target import ALL_EFFORTS

# -- reasoning: mapping.md §5


@pytest.mark.parametrize(
    ("effort", "budget"),
    [
        ("none", 0),
        ("minimal", 512),
        ("low", 1024),
        ("medium", 8192),
        ("high", 24576),
        ("xhigh", 32768),
        ("max", 128000),
    ],
)
def test_budget_of_effort(effort: Effort, budget: int) -> None:
    assert budget_of_effort(effort) == budget


@pytest.mark.parametrize(
    ("budget", "effort"),
    [
        (0, "none"),
        (1, "minimal"),
        (512, "minimal"),
        (513, "low"),
        (1024, "low"),
        (1025, "medium"),
        (8192, "medium"),
        (8193, "high"),
        (24576, "high"),
        (24577, "xhigh"),
        (128000, "xhigh"),
        (-1, "medium"),
    ],
)
def test_effort_of_budget(budget: int, effort: Effort) -> None:
    assert effort_of_budget(budget) == effort


@pytest.mark.parametrize(
    ("effort", "allowed", "expected"),
    [
        ("high", ALL_EFFORTS, "high"),
        ("max", ("low", "medium", "high"), "high"),
        ("xhigh", ("low", "max"), "low"),
        ("minimal", ("low", "high"), "low"),
        ("minimal", ("none", "low"), "low"),
        ("none", ("none", "low"), "none"),
        ("none", ("minimal", "low"), "minimal"),
        ("low", ("none",), None),
        ("low", (), None),
    ],
    ids=[
        "listed",
        "next lower",
        "next lower over a gap",
        "nothing lower: the lowest",
        "off is not lower",
        "off",
        "cannot be off",
        "only off",
        "none listed",
    ],
)
def test_an_effort_is_fitted_to_the_model(effort: Effort, allowed: tuple[Effort, ...], expected: Effort | None) -> None:
    assert clamp_effort(effort, allowed) == expected


# -- stop reasons: mapping.md §3, "the reason follows the blocks"

S = StopReason


@pytest.mark.parametrize("reason", [None, *S])
def test_with_a_call_it_is_tool_use_unless_the_answer_was_cut_or_withdrawn(reason: StopReason | None) -> None:
    kept = {S.LENGTH, S.CONTEXT_FULL, S.REFUSAL}
    assert settle(reason, True, True) == (reason if reason in kept else S.TOOL_USE)


@pytest.mark.parametrize("reason", list(S))
def test_without_a_call_it_is_never_tool_use(reason: StopReason) -> None:
    assert settle(reason, False, True) == (S.END if reason is S.TOOL_USE else reason)


@pytest.mark.parametrize(("saw_content", "expected"), [(True, S.END), (False, None)])
def test_a_missing_reason_follows_from_the_content(saw_content: bool, expected: StopReason | None) -> None:
    assert settle(None, False, saw_content) is expected


# -- ids: mapping.md §4


@pytest.mark.parametrize("identifier", ["toolu_01A", "call-1", "x" * 64])
def test_a_legal_id_stays(identifier: str) -> None:
    assert ids.fit(identifier) == identifier


@pytest.mark.parametrize("identifier", ["", "functions.bash:0", "x" * 65, "ä", "a b", "\ud800", "a\n"])
def test_any_other_id_gets_a_stable_substitute(identifier: str) -> None:
    fitted = ids.fit(identifier)
    assert re.fullmatch(r"call_[0-9a-f]{24}", fitted)
    assert ids.fit(identifier) == fitted
    assert ids.fit(fitted, 40) == fitted


@given(st.text(), st.text())
def test_different_ids_stay_different(one: str, other: str) -> None:
    assert (ids.fit(one) == ids.fit(other)) == (one == other)


# -- names: mapping.md §4


@pytest.mark.parametrize("protocol", list(RULES))
@given(name=st.text(max_size=150))
def test_any_name_fits_and_comes_back(protocol: str, name: str) -> None:
    rule = RULES[protocol]
    mapped = names.build([name], rule)
    short = mapped.backend(name)
    assert re.fullmatch(f"{rule.allowed}{{1,{rule.limit}}}", short)
    assert rule.first is None or re.match(rule.first, short)
    assert mapped.client(short) == name


def test_a_long_tool_name_is_cut_and_closed_with_its_hash() -> None:
    name = "mcp__" + "server" * 12 + "__tool"
    short = names.mangle(name, RULES["openai_chat"])
    assert len(short) == 64
    assert re.fullmatch(r"mcp__serverserver.*_[0-9a-f]{8}", short)


def test_a_name_that_is_not_in_the_map_passes() -> None:
    assert NameMap().client("invented") == "invented"


@pytest.mark.parametrize(
    ("backend_name", "expected"),
    [
        ("plain", ("plain", None, False)),
        ("do_it_12345678", ("do.it", None, False)),
        ("patch", ("patch", None, True)),
        ("ns__x", ("x", "ns", False)),
        ("ns__y_12345678", ("y.y", "ns", True)),
    ],
    ids=["as it is", "renamed", "custom", "of a namespace", "all at once"],
)
def test_a_call_leads_back_to_what_the_client_defined(
    backend_name: str, expected: tuple[str, str | None, bool]
) -> None:
    mapped = NameMap(
        to_client={"do_it_12345678": "do.it", "ns__y_12345678": "ns__y.y"},
        custom={"patch", "ns__y.y"},
        namespaces={"ns__x": ("ns", "x"), "ns__y.y": ("ns", "y.y")},
    )
    assert client_call(mapped, backend_name) == expected


# -- the carrier: mapping.md §5


@given(
    st.text(), st.sampled_from(["anthropic", "gemini", "openai_responses"]), st.sampled_from(["anthropic", "gemini"])
)
def test_a_foreign_signature_travels_and_comes_back(signature: str, origin: str, client: str) -> None:
    if origin == client and signature.startswith("gw1:"):
        return  # no vendor's begins so
    assert carrier.unwrap(carrier.wrap(signature, origin, client), client) == (signature, origin)


def test_at_home_a_signature_is_untouched() -> None:
    assert carrier.wrap("EqoB", "anthropic", "anthropic") == "EqoB"
    assert carrier.wrap("EqoB", "anthropic", "gemini") == "gw1:anthropic:EqoB"
