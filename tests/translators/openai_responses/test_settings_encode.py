"""Settings of requests for Responses backends: tools, reasoning, formats, sampling (openai_responses.md §2, §4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standin.rules_openai_responses import check
from tests.translators.openai_responses.support import decode, encode, message
from translators.canonical.blocks import (
    Text,
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    Output,
    Reasoning,
    ReasoningMode,
    Request,
    Role,
    Sampling,
    Tool,
    ToolKind,
    Turn,
)

ID = "openai_responses"
HEADERS = {"authorization": "Bearer k"}


def asked(*turns: Turn, origin: str = "anthropic", **fields: Any) -> Request:
    """A request of a client of another protocol."""
    return Request(origin, "client-model", turns=list(turns) or [Turn(Role.USER, [Text("q")])], **fields)


@pytest.mark.parametrize(
    ("tool", "encoded"),
    [
        (
            Tool("f", None, {"type": "object", "properties": {}}, strict=True),
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
        ),
        (
            Tool(
                "c",
                "d",
                kind=ToolKind.CUSTOM,
                format={"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}},
            ),
            {
                "type": "custom",
                "name": "c",
                "description": "d",
                "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
            },
        ),
    ],
)
def test_tools_of_other_protocols(tool: Tool, encoded: dict[str, Any]) -> None:
    assert encode(asked(tools=[tool], origin="openai_chat")).body["tools"] == [encoded]


def test_strict_goes_out_where_the_target_allows_it() -> None:
    tool = Tool("f", None, {"type": "object", "properties": {}}, strict=True)
    assert encode(asked(tools=[tool]), strict_tools=True).body["tools"][0]["strict"] is True


def test_our_own_clients_tools_stay_as_they_were() -> None:
    tools = [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True},
        {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "defer_loading": True},
        {"type": "mcp", "server_label": "wiki", "server_url": "https://x/"},
    ]
    assert encode(decode(tools=tools)).body["tools"] == tools


def test_a_search_of_anthropic_keeps_its_domains() -> None:
    raw = {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.example"]}
    tool = Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search", raw=raw)
    body = encode(asked(tools=[tool]), server_tools=("web_search",)).body
    assert body["tools"] == [{"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}]
    dropped = encode(asked(tools=[tool]))
    assert "tools" not in dropped.body
    assert dropped.notes


@pytest.mark.parametrize(
    "choice",
    [
        "auto",
        "none",
        "required",
        {"type": "function", "name": "f"},
        {"type": "custom", "name": "c"},
        {"type": "web_search"},
        {"type": "apply_patch"},
        {"type": "mcp", "server_label": "wiki"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "c"}]},
    ],
)
def test_tool_choices_come_back_as_they_were(choice: Any) -> None:
    tools = [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "c"},
        {"type": "web_search"},
        {"type": "apply_patch"},
        {"type": "mcp", "server_label": "wiki"},
    ]
    assert encode(decode(tools=tools, tool_choice=choice)).body["tool_choice"] == choice


@pytest.mark.parametrize(
    ("reasoning", "target", "encoded"),
    [
        (Reasoning(), {}, None),
        (Reasoning(ReasoningMode.OFF), {}, {"effort": "none"}),
        (Reasoning(ReasoningMode.OFF), {"efforts": ("low", "high")}, {"effort": "low"}),
        (Reasoning(ReasoningMode.ADAPTIVE), {}, None),
        (Reasoning(ReasoningMode.ADAPTIVE, show="summary"), {}, {"summary": "auto"}),
        (Reasoning(ReasoningMode.ADAPTIVE, "max"), {}, {"effort": "max"}),
        (Reasoning(ReasoningMode.ADAPTIVE, "max"), {"efforts": ("low", "high")}, {"effort": "high"}),
        (Reasoning(ReasoningMode.BUDGET, budget=1024), {}, {"effort": "low", "summary": "auto"}),
        (Reasoning(ReasoningMode.BUDGET, budget=1024, show="none"), {}, {"effort": "low"}),
        (Reasoning(ReasoningMode.BUDGET, budget=-1), {}, {"summary": "auto"}),
        (Reasoning(ReasoningMode.ADAPTIVE, "max"), {"thinking": "none"}, None),
    ],
)
def test_reasoning(reasoning: Reasoning, target: dict[str, Any], encoded: dict[str, Any] | None) -> None:
    body = encode(asked(reasoning=reasoning), **target).body
    assert body.get("reasoning") == encoded
    assert ("include" in body) == (target.get("thinking") != "none")


def test_reasoning_in_our_own_words_keeps_them() -> None:
    raw = {"effort": "high", "summary": "detailed", "context": "all_turns", "mode": "pro"}
    assert encode(decode(reasoning=raw)).body["reasoning"] == raw


@pytest.mark.parametrize(
    ("output", "encoded"),
    [
        (
            Output({"type": "object"}, name="a name!", description="d"),
            {
                "type": "json_schema",
                "name": "a_name_",
                "schema": {"type": "object"},
                "description": "d",
                "strict": False,
            },
        ),
        (
            Output({"type": "object"}, strict=True),
            {"type": "json_schema", "name": "output", "schema": {"type": "object"}, "strict": True},
        ),
        (Output(json=True), {"type": "json_object"}),
    ],
)
def test_structured_output(output: Output, encoded: dict[str, Any]) -> None:
    assert encode(asked(output=output)).body["text"] == {"format": encoded}


def test_json_alone_is_said_in_words_too() -> None:
    """The API refuses `json_object` where no message says "json"."""
    body = encode(asked(output=Output(json=True))).body
    assert check(body, HEADERS) is None
    assert body["input"][-1] == message("developer", "Answer with a JSON object.")
    said = encode(asked(Turn(Role.USER, [Text("As JSON, please")]), output=Output(json=True))).body
    assert len(said["input"]) == 1


def test_a_schema_degrades_to_json_where_the_backend_takes_none() -> None:
    body = encode(asked(output=Output({"type": "object"})), json_schema=False).body
    assert body["text"] == {"format": {"type": "json_object"}}


def test_sampling_without_a_word_here_is_dropped_with_a_note() -> None:
    sampling = Sampling(0.5, 0.9, top_k=5, seed=1, frequency_penalty=0.1, presence_penalty=0.1, logit_bias={"1": 1})
    encoded = encode(asked(sampling=sampling))
    assert (encoded.body["temperature"], encoded.body["top_p"]) == (0.5, 0.9)
    assert not {"top_k", "seed", "frequency_penalty", "presence_penalty", "logit_bias"} & set(encoded.body)
    assert "top_k" in encoded.notes[-1]
    assert not {"temperature", "top_p"} & set(encode(asked(sampling=sampling), sampling=False).body)


@pytest.mark.parametrize("sampling", [Sampling(n=2), Sampling(logprobs=True)])
def test_what_cannot_be_translated_is_refused(sampling: Sampling) -> None:
    with pytest.raises(TranslationError):
        encode(asked(sampling=sampling, origin="openai_chat"))


def test_one_answer_may_be_asked_for() -> None:
    assert "n" not in encode(asked(sampling=Sampling(n=1), origin="openai_chat")).body


def test_what_only_our_own_clients_know_stays_with_them() -> None:
    extra = {
        "metadata": {"a": "b"},
        "truncation": "auto",
        "store": True,
        "stream_options": {"include_obfuscation": False},
    }
    own = encode(decode(stream=True, **extra)).body
    assert (own["metadata"], own["truncation"], own["store"]) == ({"a": "b"}, "auto", False)
    assert own["stream_options"] == {"include_obfuscation": False}
    assert "stream_options" not in encode(decode(**extra)).body
    assert not set(extra) - {"store"} & set(encode(asked(extra=extra)).body)


@pytest.mark.parametrize(
    ("origin", "tier", "encoded"),
    [
        ("anthropic", "standard_only", "default"),
        ("anthropic", "auto", "auto"),
        ("openai_chat", "flex", "flex"),
        ("gemini", "odd", None),
        (ID, "new_tier", "new_tier"),
    ],
)
def test_service_tiers(origin: str, tier: str, encoded: str | None) -> None:
    assert encode(asked(origin=origin, service_tier=tier)).body.get("service_tier") == encoded


def test_cache_markers_go_out_where_the_target_wants_them() -> None:
    turn = Turn(Role.USER, [Text("q", cache={"type": "ephemeral", "ttl": "1h"})])
    assert encode(asked(turn)).body["input"][0]["content"] == [{"type": "input_text", "text": "q"}]
    marked = encode(asked(turn), cache_markers="prompt_cache_breakpoint").body["input"][0]["content"][0]
    assert marked["prompt_cache_breakpoint"] == {"mode": "explicit"}


def test_the_users_and_the_caches_keys() -> None:
    body = encode(asked(user="u", cache_key="k")).body
    assert (body["user"], body["prompt_cache_key"]) == ("u", "k")
