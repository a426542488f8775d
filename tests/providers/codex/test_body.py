"""What becomes of a Responses body on its way to the ChatGPT backend, rule by rule (codex.md §6)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.providers.codex.body import ENCRYPTED, REMOVED, fitted, is_codex
from tests.standin.codex_tables import body_trouble
from translators.canonical.errors import TranslationError
from translators.canonical.request import Effort

Json = dict[str, Any]
SEARCH = {"type": "web_search"}
RUN = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}, "strict": False}
PATCH = {"type": "custom", "name": "patch", "format": {"type": "text"}}
#: The least that fits.
LEAST: Json = {
    "model": "gpt-5.5",
    "instructions": "",
    "input": [],
    "stream": True,
    "store": False,
    "include": [ENCRYPTED],
}


def user(*parts: Any) -> Json:
    return {"type": "message", "role": "user", "content": list(parts)}


TEXT = {"type": "input_text", "text": "Hi"}

RULES: dict[str, tuple[Json, Json]] = {
    "a text is one user message": ({"input": "Hi"}, {"input": [user(TEXT)]}),
    "system is developer": (
        {"input": [{"role": "system", "content": "Be brief."}]},
        {"input": [{"role": "developer", "content": "Be brief."}]},
    ),
    "no instructions": ({"instructions": None}, {"instructions": ""}),
    "not streamed": ({"stream": False}, {"stream": True}),
    "stored": ({"store": True}, {"store": False}),
    "marks of caches": (
        {"input": [user({**TEXT, "prompt_cache_breakpoint": {"ttl": "1h"}})]},
        {"input": [user(TEXT)]},
    ),
    "marks of caches in results": (
        {
            "input": [
                {"type": "function_call_output", "call_id": "c", "output": [{**TEXT, "prompt_cache_breakpoint": {}}]}
            ]
        },
        {"input": [{"type": "function_call_output", "call_id": "c", "output": [TEXT]}]},
    ),
    "ids of what the service wrote": (
        {"input": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"}]},
        {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "e"}]},
    ),
    "an id that its result needs": (
        {"input": [{"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": {}}]},
        {"input": [{"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": {}}]},
    ),
    "reasoning that nobody can read": ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, {"input": []}),
    "other things to include": ({"include": ["web_search_call.results"]}, {"include": [ENCRYPTED]}),
    "preview names": ({"tools": [{"type": "web_search_preview_2025_03_11"}]}, {"tools": [SEARCH]}),
    "tools that it does not have": ({"tools": [{"type": "file_search"}, RUN]}, {"tools": [RUN]}),
    "no tools left": (
        {"tools": [{"type": "mcp"}], "tool_choice": "required", "parallel_tool_calls": True},
        {},
    ),
    "a function as Chat puts it": ({"tools": [{"type": "function", "function": {**RUN}}]}, {"tools": [RUN]}),
    "an object without properties": (
        {"tools": [{"type": "function", "name": "run", "parameters": {"type": "object"}}]},
        {"tools": [{"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}}]},
    ),
    "a function that is chosen": (
        {"tools": [RUN, PATCH], "tool_choice": {"type": "function", "name": "run"}},
        {"tools": [RUN, PATCH], "tool_choice": {"type": "function", "name": "run"}},
    ),
    "another tool that is chosen": (
        {"tools": [RUN, PATCH], "tool_choice": {"type": "custom", "name": "patch"}},
        {"tools": [PATCH], "tool_choice": "required"},
    ),
    "a search that is chosen": (
        {"tools": [RUN, SEARCH], "tool_choice": {"type": "web_search_preview"}},
        {"tools": [SEARCH], "tool_choice": "required"},
    ),
    "tools that are allowed": (
        {
            "tools": [RUN, PATCH, SEARCH],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [RUN, SEARCH]},
        },
        {"tools": [RUN, SEARCH], "tool_choice": "auto"},
    ),
    "a choice among no tools": ({"tool_choice": "auto"}, {}),
    "calls at a time": (
        {"tools": [RUN], "parallel_tool_calls": False},
        {"tools": [RUN], "parallel_tool_calls": False},
    ),
    "an effort that the model has": ({"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "high"}}),
    "an effort below": ({"reasoning": {"effort": "minimal"}}, {"reasoning": {"effort": "low"}}),
    "an effort above": ({"reasoning": {"effort": "max"}}, {"reasoning": {"effort": "xhigh"}}),
    "summaries": (
        {"reasoning": {"summary": "detailed", "context": "all_turns"}},
        {"reasoning": {"summary": "detailed"}},
    ),
    "their former name": ({"reasoning": {"generate_summary": "auto"}}, {"reasoning": {"summary": "auto"}}),
    "reasoning that says nothing": ({"reasoning": {"mode": "pro"}}, {}),
    "verbosity": ({"text": {"verbosity": "low"}}, {"text": {"verbosity": "low"}}),
    "plain text": ({"text": {"format": {"type": "text"}}}, {}),
    "a schema": (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}},
    ),
    "the fast tier": ({"service_tier": "fast"}, {"service_tier": "priority"}),
    "any other tier": ({"service_tier": "flex"}, {}),
    "what is unknown": ({"moderation": {}, "max_tool_calls": 3, "n": 1}, {}),
}


@pytest.mark.parametrize("rule", RULES)
def test_other_clients_bodies_are_mended(rule: str) -> None:
    changes, wanted = RULES[rule]
    body = {**LEAST, **changes}
    before = copy.deepcopy(body)
    found, _ = fitted(body, ("low", "medium", "high", "xhigh"))
    assert found == {**LEAST, **wanted}
    assert body == before, "the client's own body is what the next candidate starts from"


@pytest.mark.parametrize("name", sorted(REMOVED))
@pytest.mark.parametrize("own", [True, False])
def test_what_the_service_refuses_by_name_goes_whoever_sent_it(name: str, own: bool) -> None:
    found, _ = fitted({**LEAST, name: 1}, own=own)
    assert found == LEAST


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"temperature": 0.2, "max_output_tokens": 5}, "max_output_tokens, temperature"),
        ({"tools": [{"type": "mcp"}]}, "mcp"),
        ({"store": True}, "stores no responses"),
        ({"include": ["web_search_call.results"]}, "encrypted reasoning"),
        ({"text": {"format": {"type": "json_object"}}}, "JSON in words"),
        ({"tools": [PATCH], "tool_choice": {"type": "custom", "name": "patch"}}, "only the chosen tools"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "not encrypted"),
    ],
)
def test_what_is_lost_is_said(changes: Json, note: str) -> None:
    assert note in " ".join(fitted({**LEAST, **changes})[1])


def test_what_makes_no_difference_is_not_said() -> None:
    assert fitted({**LEAST, "metadata": {"a": "b"}, "user": "u", "stream_options": {}})[1] == []


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    found, _ = fitted({**LEAST, "input": "Hi", "text": {"format": {"type": "json_object"}, "verbosity": "low"}})
    assert found["text"] == {"verbosity": "low"}
    assert (found["input"][-1]["role"], "JSON" in found["input"][-1]["content"][0]["text"]) == ("developer", True)


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
@pytest.mark.parametrize("own", [True, False])
def test_what_builds_on_stored_responses_is_refused_with_a_way_out(name: str, own: bool) -> None:
    with pytest.raises(TranslationError, match="send the whole conversation") as caught:
        fitted({**LEAST, name: "resp_1"}, own=own)
    assert caught.value.info.code == "previous_response_not_found"


def test_items_that_only_refer_to_others_are_refused() -> None:
    with pytest.raises(TranslationError, match="send them whole"):
        fitted({**LEAST, "input": [{"type": "item_reference", "id": "msg_1"}]})


# -- Codex CLI's own

OWN: Json = {
    **LEAST,
    "input": [
        {"type": "additional_tools", "role": "developer", "tools": [PATCH]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e", "content": None},
        user(TEXT),
    ],
    "include": [],
    "reasoning": None,
    "parallel_tool_calls": True,
    "something_newer": {"than": "this table"},
    "client_metadata": {"x-codex-installation-id": "i"},
}


def test_codex_own_body_that_fits_is_the_very_same() -> None:
    found, notes = fitted(OWN, own=True)
    assert found is OWN and notes == []


def test_of_codex_own_only_what_would_be_refused_is_mended() -> None:
    broken = {name: value for name, value in OWN.items() if name != "instructions"}
    assert fitted({**broken, "stream": False, "top_p": 1}, own=True)[0] == OWN


# -- whatever comes

_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5))
_PARTS: st.SearchStrategy[list[Json]] = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("input_text"), "text": st.text(max_size=5)}, optional={"prompt_cache_breakpoint": st.just({})}
    ),
    max_size=2,
)
_ITEMS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "system", "developer"]), "content": _PARTS},
            optional={"type": st.just("message"), "id": st.text(max_size=70)},
        ),
        st.fixed_dictionaries(
            {"type": st.just("reasoning"), "summary": st.just([])},
            optional={"encrypted_content": st.sampled_from([None, "", "e"]), "id": st.text(max_size=70)},
        ),
    ),
    max_size=4,
)
_TOOLS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["function", "custom", "web_search_preview", "mcp", "code_interpreter", "namespace"])},
        optional={
            "name": st.sampled_from(["run", "walk"]),
            "parameters": st.sampled_from([None, {}, {"type": "object"}]),
        },
    ),
    max_size=3,
)
_CHOICES = st.one_of(
    st.sampled_from(["auto", "none", "required", None]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["function", "custom", "web_search_preview", "mcp"])},
        optional={"name": st.sampled_from(["run", "walk"])},
    ),
    st.fixed_dictionaries(
        {"type": st.just("allowed_tools"), "mode": st.sampled_from(["auto", "required"]), "tools": _TOOLS}
    ),
)
BODIES = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-5.5", "gpt-5.6-sol"]), "input": st.one_of(st.text(max_size=5), _ITEMS)},
    optional={
        "instructions": st.one_of(st.none(), st.text(max_size=5)),
        "tools": _TOOLS,
        "tool_choice": _CHOICES,
        "parallel_tool_calls": _SCALARS,
        "reasoning": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "effort": st.sampled_from([None, "none", "minimal", "low", "xhigh", "max", "wild"]),
                    "summary": st.sampled_from([None, "auto", "none", "wild"]),
                    "context": st.just("auto"),
                },
            ),
        ),
        "text": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "verbosity": st.sampled_from([None, "low", "wild"]),
                    "format": st.sampled_from(
                        [
                            None,
                            {"type": "text"},
                            {"type": "json_object"},
                            {"type": "json_schema", "name": "n", "schema": {}},
                        ]
                    ),
                },
            ),
        ),
        "service_tier": _SCALARS,
        "store": _SCALARS,
        "stream": _SCALARS,
        "include": st.sampled_from([None, [], [ENCRYPTED], ["web_search_call.results"]]),
        "prompt_cache_key": _SCALARS,
        "client_metadata": st.sampled_from([None, {}, {"a": "b"}]),
        **dict.fromkeys(sorted(REMOVED), _SCALARS),
        "background": _SCALARS,
        "max_tool_calls": _SCALARS,
    },
)
EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh")


@given(BODIES)
def test_whatever_a_client_sends_fits_afterwards_and_fits_again(body: Json) -> None:
    found, _ = fitted(body, EFFORTS)
    assert body_trouble(found) == "", found
    assert fitted(found, EFFORTS)[0] == found


# -- who is Codex

AGENTS = [
    ("codex_cli_rs", "codex_cli_rs/0.146.0 (Ubuntu 24.04; x86_64) tmux/3.4", True),
    ("codex_exec", "codex_exec/0.169.0 (Debian 12; x86_64) unknown", True),
    ("Codex Desktop", "Codex Desktop/1.2 (Mac OS 15.1; arm64)", True),
    ("codex_cli_rs", "OpenAI/Python 3.52.0", False),
    ("", "codex_cli_rs/0.146.0 (Ubuntu 24.04; x86_64)", False),
    ("opencode", "opencode/1.0", False),
]


@pytest.mark.parametrize(("originator", "agent", "wanted"), AGENTS)
def test_codex_is_known_by_its_originator_and_its_name(originator: str, agent: str, wanted: bool) -> None:
    headers = {"originator": originator, "user-agent": agent}
    assert is_codex(lambda name, default: headers.get(name, default)) is wanted
