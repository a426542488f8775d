"""What may not leave home, and limits: mapping.md §2 (System, Metadata, limits), §5 (Thinking content)."""

from __future__ import annotations

import pytest

from tests.translators.canonical.build import (
    PROTOCOLS,
    assistant,
    call,
    notes_for,
    request,
    result,
    signed,
    system,
    target,
    turns_for,
    user,
)
from translators.canonical.blocks import Block, Opaque, Refusal, Text, Thinking, ToolResult, Unknown
from translators.canonical.prepare import prepare
from translators.canonical.request import ChoiceMode, Effort, Reasoning, ReasoningMode, Tool, ToolChoice, Turn
from translators.canonical.target import Target

UNSIGNED = Thinking("hm", None, None)


def kept(block: Block, wire: Target, origin: str = "anthropic") -> list[Block]:
    """What is left of `block` in front of a call."""
    got = turns_for(wire, user("a"), assistant(block, call()), user(result()), origin=origin)
    return got[1].blocks[:-1]


# -- thinking


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_signed_thinking_goes_home_as_it_is(protocol: str) -> None:
    assert kept(signed(protocol), target(protocol)) == [signed(protocol)]
    assert kept(signed(protocol, ""), target(protocol)) == [signed(protocol, "")]


@pytest.mark.parametrize("protocol", ["anthropic", "openai_responses", "gemini"])
@pytest.mark.parametrize(
    "block", [signed("elsewhere"), UNSIGNED, Thinking("hm", "", "anthropic"), Thinking("hm", None, "gemini")]
)
def test_thinking_without_a_valid_signature_is_dropped(protocol: str, block: Thinking) -> None:
    assert kept(block, target(protocol)) == []


@pytest.mark.parametrize("block", [signed("anthropic"), signed("gemini"), UNSIGNED])
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_chat_dialects_have_a_slot_for_its_text(block: Thinking, field: str) -> None:
    assert kept(block, target("openai_chat", reasoning_field=field)) == [UNSIGNED]


def test_without_that_slot_it_is_dropped() -> None:
    wire = target("openai_chat", reasoning_field="none")
    assert kept(signed("anthropic"), wire) == []
    assert "Thinking was dropped" in notes_for(wire, request(user("a"), assistant(UNSIGNED, "x"), user("b")))


def test_a_foreign_signature_without_text_leaves_nothing() -> None:
    assert kept(signed("gemini", ""), target("openai_chat")) == []


def test_a_turn_of_nothing_else_is_gone() -> None:
    assert turns_for(target("gemini"), user("a"), assistant(signed("anthropic")), user("b")) == [user("a", "b")]


@pytest.mark.parametrize(
    ("thinking", "mode", "turns", "off"),
    [
        ("budget", ReasoningMode.BUDGET, [assistant(UNSIGNED, call()), user(result())], True),
        ("budget", ReasoningMode.ADAPTIVE, [assistant(call()), user(result("c1"), "hint")], True),
        ("budget", ReasoningMode.BUDGET, [assistant(signed("anthropic"), call()), user(result())], False),
        ("budget", ReasoningMode.BUDGET, [assistant(Opaque("x", "anthropic"), call()), user(result())], False),
        ("budget", ReasoningMode.BUDGET, [assistant(call()), user(result()), assistant("x"), user("b")], False),
        ("budget", ReasoningMode.DEFAULT, [assistant(call()), user(result())], False),
        ("adaptive", ReasoningMode.ADAPTIVE, [assistant(call()), user(result())], False),
        ("budget", ReasoningMode.BUDGET, [], False),
    ],
    ids=[
        "lost",
        "never had any",
        "has it",
        "has it redacted",
        "an earlier step",
        "does not think",
        "a new model",
        "no history",
    ],
)
def test_a_budget_model_does_not_think_in_a_step_whose_thinking_is_lost(
    thinking: str, mode: ReasoningMode, turns: list[Turn], off: bool
) -> None:
    wanted = request(user("a"), *turns, reasoning=Reasoning(mode, budget=2000))
    got = prepare(wanted, target("anthropic", thinking=thinking))[0].reasoning
    assert got == (Reasoning(ReasoningMode.OFF) if off else wanted.reasoning)


# -- other blocks of one protocol only


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (Opaque("x", "anthropic"), "redacted_thinking of anthropic"),
        (Unknown("anthropic", {"type": "container_upload"}), "container_upload block of anthropic"),
        (call("s", "web_search", kind="server"), "server tools"),
        (ToolResult("s", [], kind="server"), "server tools"),
    ],
)
def test_what_only_its_own_protocol_reads_is_dropped_elsewhere(block: Block, words: str) -> None:
    assert kept(block, target("anthropic")) == [block]
    assert kept(block, target("openai_chat")) == []
    assert words in notes_for(target("gemini"), request(user("a"), assistant(block, "x"), user("b")))


def test_unknown_blocks_in_results_too() -> None:
    mixed = ToolResult("c1", [Text("a"), Unknown("anthropic", {"type": "tool_reference"})])
    turns = [user("a"), assistant(call()), user(mixed)]
    assert turns_for(target("anthropic"), *turns) == turns
    assert turns_for(target("openai_chat"), *turns)[2] == user(result(text="a"))


@pytest.mark.parametrize(
    ("protocol", "block"),
    [
        ("openai_chat", Refusal("no")),
        ("openai_responses", Refusal("no")),
        ("anthropic", Text("no")),
        ("gemini", Text("no")),
    ],
)
def test_a_refusal_is_text_where_it_has_no_word(protocol: str, block: Block) -> None:
    assert kept(Refusal("no"), target(protocol)) == [block]


# -- what identifies the client

HEADER = "x-anthropic-billing-header: cc_version=2.1; cch=abc;"


def test_the_billing_header_goes_to_anthropic_untouched_and_first() -> None:
    wanted = request(user("a"), system=[Text(HEADER), Text("be brief")])
    assert prepare(wanted, target("anthropic"))[0].system == [Text(HEADER), Text("be brief")]


@pytest.mark.parametrize("protocol", ["openai_chat", "openai_responses", "gemini"])
def test_the_billing_header_goes_nowhere_else(protocol: str) -> None:
    wanted = request(user("a"), system(HEADER), user("b"), system=[Text(HEADER), Text(HEADER + "\n\nbe brief")])
    got = prepare(wanted, target(protocol))[0]
    assert got.system == [Text("be brief")]
    assert got.turns == [user("a", "b")]


@pytest.mark.parametrize(
    ("user_id", "elsewhere"),
    [
        ('{"device_id":"d","account_uuid":"a","session_id":"s"}', None),
        ("user_0af3_account_11-22_session_33-44", None),
        ("customer-7", "customer-7"),
        (None, None),
    ],
    ids=["Claude Code's JSON", "its older form", "a plain id", "none"],
)
def test_the_clients_user_id_is_withheld_where_it_holds_account_ids(user_id: str | None, elsewhere: str | None) -> None:
    wanted = request(user("a"), user=user_id)
    assert prepare(wanted, target("openai_chat"))[0].user == elsewhere
    assert prepare(wanted, target("anthropic"))[0].user == user_id


# -- limits


@pytest.mark.parametrize(
    ("wire", "wanted", "expected"),
    [
        (target("anthropic", max_output_tokens=8192), 64_000, 8192),
        (target("anthropic", max_output_tokens=8192), 100, 100),
        (target("anthropic"), 64_000, 64_000),
        (target("anthropic", max_output_tokens=8192), None, None),
        (target("anthropic"), 0, 0),
        (target("openai_chat"), 0, 1),
    ],
    ids=["clamped", "below", "no limit", "not said", "cache warm-up", "cache warm-up elsewhere"],
)
def test_max_tokens(wire: Target, wanted: int | None, expected: int | None) -> None:
    assert prepare(request(user("a"), max_tokens=wanted), wire)[0].max_tokens == expected


@pytest.mark.parametrize(
    ("efforts", "effort", "expected"),
    [
        (("low", "medium", "high"), "xhigh", "high"),
        (("low", "medium", "high"), "low", "low"),
        (("low", "medium", "high"), None, None),
        ((), "high", None),
    ],
)
def test_the_effort_is_one_that_the_model_lists(
    efforts: tuple[Effort, ...], effort: Effort | None, expected: Effort | None
) -> None:
    wanted = request(user("a"), reasoning=Reasoning(ReasoningMode.ADAPTIVE, effort))
    assert prepare(wanted, target(efforts=efforts))[0].reasoning.effort == expected


@pytest.mark.parametrize(("budget", "expected"), [(50_000, 24_576), (1024, 1024), (-1, -1)])
def test_the_budget_is_one_that_the_model_takes(budget: int, expected: int) -> None:
    wanted = request(user("a"), reasoning=Reasoning(ReasoningMode.BUDGET, budget=budget))
    assert prepare(wanted, target("gemini", max_budget=24_576))[0].reasoning.budget == expected


@pytest.mark.parametrize(
    ("wire", "mode", "forced"),
    [
        (target("anthropic"), ReasoningMode.ADAPTIVE, False),
        (target("anthropic"), ReasoningMode.BUDGET, False),
        (target("anthropic"), ReasoningMode.OFF, True),
        (target("anthropic"), ReasoningMode.DEFAULT, True),
        (target("anthropic", thinking="none"), ReasoningMode.BUDGET, True),
        (target("anthropic", forced_tools_with_thinking=True), ReasoningMode.ADAPTIVE, True),
        (Target("anthropic", "claude-fable-5-1"), ReasoningMode.DEFAULT, False),
        (target("openai_chat"), ReasoningMode.ADAPTIVE, True),
    ],
)
@pytest.mark.parametrize("choice", [ToolChoice(ChoiceMode.REQUIRED), ToolChoice(ChoiceMode.NAMED, "shell")])
def test_a_forced_tool_gives_way_to_thinking_where_the_model_refuses_both(
    wire: Target, mode: ReasoningMode, forced: bool, choice: ToolChoice
) -> None:
    wanted = request(user("a"), tools=[Tool("shell")], tool_choice=choice, reasoning=Reasoning(mode))
    assert prepare(wanted, wire)[0].tool_choice == (choice if forced else ToolChoice(ChoiceMode.AUTO))


@pytest.mark.parametrize(("protocol", "expected"), [("anthropic", ["END"]), ("openai_chat", ["END", "\n"])])
def test_empty_stop_sequences_go(protocol: str, expected: list[str]) -> None:
    assert prepare(request(user("a"), stop=["", "END", "\n"]), target(protocol))[0].stop == expected


# -- notes


def test_each_loss_is_noted_once() -> None:
    wanted = request(user("a"), assistant(UNSIGNED, "x", UNSIGNED), user("b"), max_tokens=9)
    notes = prepare(wanted, target("gemini", max_output_tokens=5))[2]
    assert notes == [
        "Thinking without a signature that the backend knows was dropped.",
        "max_tokens was lowered from 9 to 5, the model's limit.",
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_plain_request_loses_nothing(protocol: str) -> None:
    wanted = request(
        user("a"), assistant("x", call()), user(result()), system=[Text("s")], tools=[Tool("shell")], max_tokens=9
    )
    assert prepare(wanted, target(protocol))[2] == []
