"""Tools as the backend can have them: rows of mapping.md §2 about definitions and choice, and §4 Names."""

from __future__ import annotations

import re

import pytest

from tests.translators.canonical.build import (
    PROTOCOLS,
    assistant,
    call,
    notes_for,
    request,
    result,
    target,
    turns_for,
    user,
)
from translators.canonical.names import NameMap, client_call
from translators.canonical.prepare import prepare
from translators.canonical.request import ChoiceMode, Request, Tool, ToolChoice, ToolKind
from translators.canonical.target import Target

LONG = "mcp__" + "x" * 80
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: patch"}
PATCH = Tool("apply_patch", "Edits files.", kind=ToolKind.CUSTOM, format=GRAMMAR)
SEARCH = Tool("web_search", kind=ToolKind.SERVER, origin="anthropic", concept="web_search", raw={"type": "web_search"})
SHELL = Tool("shell", schema={"type": "object"})


def named(name: str) -> ToolChoice:
    return ToolChoice(ChoiceMode.NAMED, name)


def prepared(wire: Target, **more: object) -> tuple[Request, NameMap]:
    wanted, names, _ = prepare(request(user("a"), **more), wire)  # type: ignore[arg-type]
    return wanted, names


# -- names


def test_a_name_is_changed_alike_in_definition_history_and_choice() -> None:
    wanted, names, _ = prepare(
        request(
            user("a"),
            assistant(call(name=LONG)),
            user(result(name=LONG)),
            tools=[Tool(LONG), SHELL],
            tool_choice=named(LONG),
        ),
        target("openai_chat"),
    )
    short = names.backend(LONG)
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", short)
    assert [tool.name for tool in wanted.tools] == [short, "shell"]
    assert wanted.turns[1:] == [assistant(call(name=short)), user(result(name=short))]
    assert wanted.tool_choice == named(short)
    assert client_call(names, short) == (LONG, None, False)


def test_a_name_that_only_the_history_knows_is_changed_too() -> None:
    assert turns_for(target("openai_chat"), user("a"), assistant(call(name="do it")))[1].blocks[0] == call(
        name=NAMES.backend("do it")
    )


NAMES = prepare(request(user("a"), assistant(call(name="do it"))), target("openai_chat"))[1]


@pytest.mark.parametrize(
    ("wire", "stays"),
    [
        (target("anthropic"), True),
        (target("openai_chat"), False),
        (target("openai_chat", tool_name_limit=100), True),
        (target("anthropic", tool_name_limit=64), False),
        (target("a private wire"), False),
    ],
    ids=["A takes 128", "C takes 64", "a longer limit", "a shorter limit", "unknown: the narrowest"],
)
def test_the_rule_is_the_backends(wire: Target, stays: bool) -> None:
    wanted, _ = prepared(wire, tools=[Tool(LONG)])
    assert (wanted.tools[0].name == LONG) is stays


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_good_names_stay(protocol: str) -> None:
    wanted, names = prepared(target(protocol), tools=[SHELL], tool_choice=named("shell"))
    assert wanted.tools == [SHELL]
    assert names == NameMap()


def test_an_allowed_subset_is_renamed_and_cut_to_what_is_there() -> None:
    choice = ToolChoice(ChoiceMode.AUTO, allowed=[LONG, "gone"])
    wanted, names = prepared(target("openai_chat"), tools=[Tool(LONG), SHELL], tool_choice=choice)
    assert wanted.tool_choice == ToolChoice(ChoiceMode.AUTO, allowed=[names.backend(LONG)])


# -- custom tools


@pytest.mark.parametrize("wire", [target("anthropic"), target("gemini"), target("openai_chat", custom_tools=False)])
def test_a_free_text_tool_becomes_a_function_with_one_string(wire: Target) -> None:
    wanted, names, _ = prepare(
        request(
            user("a"),
            assistant(call("c1", "apply_patch", "*** Begin", kind="custom")),
            user(result("c1", kind="custom", name="apply_patch")),
            tools=[PATCH],
            tool_choice=named("apply_patch"),
        ),
        wire,
    )
    tool = wanted.tools[0]
    assert (tool.kind, tool.format) == (ToolKind.FUNCTION, None)
    assert tool.schema == {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    assert tool.description == "Edits files.\n\nThe input must follow this grammar:\nstart: patch"
    assert wanted.turns[1] == assistant(call("c1", "apply_patch", '{"input":"*** Begin"}'))
    assert wanted.turns[2] == user(result("c1", name="apply_patch"))
    assert wanted.tool_choice == named("apply_patch")
    assert client_call(names, "apply_patch") == ("apply_patch", None, True)


def test_chat_keeps_the_grammar_one_level_deeper() -> None:
    chat = Tool("p", kind=ToolKind.CUSTOM, format={"type": "grammar", "grammar": {"definition": "start: x"}})
    wanted, _ = prepared(target("anthropic"), tools=[chat])
    assert wanted.tools[0].description == "The input must follow this grammar:\nstart: x"


def test_a_free_text_tool_without_grammar_keeps_its_description() -> None:
    free = Tool("p", "Says.", kind=ToolKind.CUSTOM, format={"type": "text"})
    wanted, _ = prepared(target("gemini"), tools=[free])
    assert wanted.tools[0].description == "Says."


@pytest.mark.parametrize("protocol", ["openai_chat", "openai_responses"])
def test_a_free_text_tool_stays_where_the_protocol_has_them(protocol: str) -> None:
    turns = [user("a"), assistant(call("c1", "apply_patch", "*** Begin", kind="custom"))]
    wanted, names, _ = prepare(request(*turns, tools=[PATCH]), target(protocol))
    assert wanted.tools == [PATCH]
    assert wanted.turns == turns
    assert names.custom == set()


# -- namespaces

SPACED = Tool("read", namespace="files")


@pytest.mark.parametrize("protocol", ["anthropic", "openai_chat", "gemini"])
def test_a_namespace_is_flattened(protocol: str) -> None:
    wanted, names, _ = prepare(
        request(
            user("a"),
            assistant(call(name="read", namespace="files"), call("c2", "read", namespace="gone")),
            tools=[SPACED, SHELL],
            tool_choice=named("read"),
        ),
        target(protocol),
    )
    assert [(tool.name, tool.namespace) for tool in wanted.tools] == [("files__read", None), ("shell", None)]
    assert wanted.turns[1] == assistant(call(name="files__read"), call("c2", "gone__read"))
    assert wanted.tool_choice == named("files__read")
    assert client_call(names, "files__read") == ("read", "files", False)


def test_a_flattened_name_never_hides_another_tool() -> None:
    wanted, names = prepared(target("anthropic"), tools=[Tool("files__read"), SPACED])
    plain, flat = (tool.name for tool in wanted.tools)
    assert plain == "files__read"
    assert client_call(names, plain) == ("files__read", None, False)
    assert client_call(names, flat) == ("read", "files", False)


def test_a_free_text_tool_of_a_namespace_comes_back_as_both() -> None:
    wanted, names = prepared(target("anthropic"), tools=[Tool("do.it", kind=ToolKind.CUSTOM, namespace="ns")])
    assert client_call(names, wanted.tools[0].name) == ("do.it", "ns", True)


def test_responses_keeps_namespaces() -> None:
    turns = [user("a"), assistant(call(name="read", namespace="files"))]
    wanted, names, _ = prepare(request(*turns, tools=[SPACED]), target("openai_responses"))
    assert wanted.tools == [SPACED]
    assert wanted.turns == turns
    assert names.namespaces == {}


# -- server tools and choices


@pytest.mark.parametrize(
    ("wire", "kept"),
    [
        (target("anthropic"), True),
        (target("openai_responses"), False),
        (target("openai_responses", server_tools=("web_search",)), True),
    ],
    ids=["at home", "elsewhere", "where the concept exists"],
)
def test_a_server_tool_is_offered_only_where_it_exists(wire: Target, kept: bool) -> None:
    wanted, _ = prepared(wire, tools=[SEARCH, SHELL], tool_choice=named("web_search"))
    assert wanted.tools == ([SEARCH, SHELL] if kept else [SHELL])
    assert wanted.tool_choice == (named("web_search") if kept else None)


def test_without_tools_there_is_no_choice_and_no_switch() -> None:
    wanted, _ = prepared(
        target("openai_chat"), tools=[SEARCH], tool_choice=ToolChoice(ChoiceMode.REQUIRED), parallel=False
    )
    assert (wanted.tools, wanted.tool_choice, wanted.parallel) == ([], None, None)


@pytest.mark.parametrize(
    "choice", [named("gone"), ToolChoice(ChoiceMode.AUTO, allowed=["gone"])], ids=["named", "allowed"]
)
def test_a_choice_of_what_is_not_there_is_dropped(choice: ToolChoice) -> None:
    wanted, _ = prepared(target(), tools=[SHELL], tool_choice=choice, parallel=False)
    assert (wanted.tool_choice, wanted.parallel) == (None, False)


@pytest.mark.parametrize("mode", [ChoiceMode.AUTO, ChoiceMode.REQUIRED, ChoiceMode.NONE])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_any_other_choice_stays(protocol: str, mode: ChoiceMode) -> None:
    wanted, _ = prepared(target(protocol), tools=[SHELL], tool_choice=ToolChoice(mode))
    assert wanted.tool_choice == ToolChoice(mode)


def test_a_second_definition_of_a_name_is_dropped() -> None:
    wanted, _ = prepared(target(), tools=[SHELL, Tool("shell", "another")])
    assert wanted.tools == [SHELL]


@pytest.mark.parametrize(
    ("tools", "choice", "words"),
    [
        ([SEARCH], None, "server tool web_search was dropped"),
        ([SHELL], named("gone"), "tool choice gone was dropped"),
        ([SHELL, SHELL, Tool("shell", "x")], None, "second definition of the tool shell"),
    ],
)
def test_what_was_dropped_is_noted(tools: list[Tool], choice: ToolChoice | None, words: str) -> None:
    assert words in notes_for(target("openai_chat"), request(user("a"), tools=tools, tool_choice=choice))
