"""Where cache markers stand (anthropic.md §3, mapping.md §2)."""

from typing import Any

from tests.translators.anthropic.support import PROTOCOL, ask, body, encoded, talk
from translators.canonical.blocks import Image, Text, Thinking, ToolCall, ToolResult
from translators.canonical.request import Role, Tool

MARK = {"type": "ephemeral"}
TOOL = {"type": "object", "properties": {}}


def marked(value: Any) -> list[str]:
    """Paths of all markers in a body."""
    if isinstance(value, list):
        return [f"{index}.{path}" for index, item in enumerate(value) for path in marked(item)]
    if isinstance(value, dict):
        own = ["*"] if "cache_control" in value else []
        return own + [f"{key}.{path}" for key, item in value.items() for path in marked(item)]
    return []


def test_another_protocols_request_is_marked_at_its_four_places():
    request = talk(
        (Role.USER, [Text("a"), Text("b")]),
        (Role.ASSISTANT, [ToolCall("t", "n", "{}")]),
        (Role.USER, [ToolResult("t", [Text("r")])]),
        (Role.ASSISTANT, [Text("c")]),
        (Role.USER, [Text("d"), Image(url="https://x/y")]),
        system=[Text("s"), Text("z")],
        tools=[Tool("n", schema=TOOL), Tool("o", schema=TOOL)],
    )
    assert marked(body(request)) == ["system.1.*", "tools.1.*", "messages.2.content.0.*", "messages.4.content.1.*"]


def test_a_small_request_has_only_the_places_there_are():
    assert marked(body(ask(Text("a")))) == ["messages.0.content.0.*"]


def test_markers_of_a_compatible_client_are_kept_instead():
    request = ask(Text("a", cache={**MARK, "ttl": "1h"}), Text("b"), system=[Text("s")])
    assert marked(body(request)) == ["messages.0.content.0.*"]


def test_marks_in_another_form_are_not_anthropics():
    request = ask(Text("a", cache={"mode": "breakpoint"}), Text("b"))
    assert marked(body(request)) == ["messages.0.content.1.*"]


def test_an_anthropic_client_that_marks_nothing_wants_nothing_marked():
    assert marked(body(ask(Text("a"), system=[Text("s")], origin="anthropic"))) == []


def test_every_marker_of_an_anthropic_client_is_kept():
    source = {"type": "url", "url": "https://x/y"}
    client = {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "image", "source": source, "cache_control": MARK}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}, "cache_control": MARK}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [{"type": "document", "source": source, "cache_control": MARK}],
                        "cache_control": MARK,
                    }
                ],
            },
        ],
    }
    assert marked(body(PROTOCOL.decode_request(client))) == [
        "messages.0.content.0.*",
        "messages.1.content.0.*",
        "messages.2.content.0.*",
        "messages.2.content.0.content.0.*",
    ]


def test_never_more_than_four_and_the_last_ones_stay():
    blocks = [Text(str(number), cache=MARK) for number in range(6)]
    result = encoded(ask(*blocks, origin="anthropic"))
    assert marked(result.body) == [f"messages.0.content.{number}.*" for number in range(2, 6)]
    assert result.notes


def test_the_top_level_marker_counts_as_one():
    blocks = [Text(str(number), cache=MARK) for number in range(4)]
    sent = body(ask(*blocks, origin="anthropic", extra={"cache_control": MARK}))
    assert len(marked(sent["messages"])) == 3


def test_no_marker_on_empty_text_thinking_or_deferred_tools():
    request = talk(
        (Role.USER, [Text("a"), Text("", cache=MARK)]),
        (Role.ASSISTANT, [Text("b"), Thinking("t", "s", "anthropic")]),
        (Role.USER, [Text("c")]),
        tools=[
            Tool("n", schema=TOOL),
            Tool("o", schema=TOOL, origin="anthropic", raw={"defer_loading": True}, cache=MARK),
        ],
    )
    assert marked(body(request)) == ["tools.0.*", "messages.0.content.0.*", "messages.2.content.0.*"]
