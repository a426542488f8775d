"""A request of an Anthropic client, decoded, encoded and decoded again, is the same request."""

import json
from typing import Any

import pydantic
from anthropic.types import MessageCreateParams
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.anthropic.support import PROTOCOL, json_fixture
from translators.canonical.target import Target

MARK = {"type": "ephemeral"}

_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10).filter(str.strip)
_names = st.sampled_from(["Read", "Write", "mcp__a__b"])
_url = {"type": "url", "url": "https://example.com/x"}


def _block(type_: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(type_), **fields})


_text = _block("text", text=_words)
_image = st.just({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}})
_document = st.sampled_from(
    [
        {"type": "document", "source": _url, "title": "t", "citations": {"enabled": True}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "context": "c"},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    ]
)
_user_blocks = st.lists(st.one_of(_text, _image, _document), min_size=1, max_size=3)
_said = st.one_of(
    _text,
    _block("thinking", thinking=_words, signature=st.just("c2ln")),
    st.just({"type": "redacted_thinking", "data": "ZGF0YQ=="}),
    st.just({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}),
)
_results = st.one_of(_words, st.lists(st.one_of(_text, _image), max_size=2))


@st.composite
def _messages(draw):
    """A conversation as the API wants it: results right behind their calls and first, a user turn at the end."""
    messages, calls = [], 0
    for _ in range(draw(st.integers(0, 4))):
        messages.append({"role": "user", "content": draw(st.one_of(_words, _user_blocks))})
        if draw(st.booleans()):
            messages.append({"role": "system", "content": [draw(_text)]})
        said = draw(st.lists(_said, max_size=3))
        made = [f"toolu_{calls + n}" for n in range(draw(st.integers(0, 2)))]
        calls += len(made)
        for id_ in made:
            arguments = draw(st.dictionaries(_words, _words, max_size=2))
            said.append({"type": "tool_use", "id": id_, "name": draw(_names), "input": arguments})
        messages.append({"role": "assistant", "content": said or [{"type": "text", "text": "ok"}]})
        if made:
            results = [
                {"type": "tool_result", "tool_use_id": id_, "content": draw(_results), "is_error": draw(st.booleans())}
                for id_ in made
            ]
            messages.append({"role": "user", "content": results + draw(_user_blocks)})
    messages.append({"role": "user", "content": draw(_user_blocks)})
    return messages


_TOOLS: list[dict[str, Any]] = [
    {"name": "Read", "input_schema": {"type": "object", "properties": {"a": {}}}, "cache_control": MARK},
    {"name": "Write", "description": "d", "input_schema": {"type": "object"}, "strict": True},
    {"name": "mcp__a__b", "input_schema": {"type": "object"}, "defer_loading": True},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
]
_tools = st.lists(st.sampled_from(_TOOLS), unique_by=lambda tool: str(tool["name"]), min_size=1)
_bodies = st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "max_tokens": st.integers(2000, 9000),
        "messages": _messages(),
        "tools": _tools,
    },
    optional={
        "system": st.one_of(_words, st.lists(_text, min_size=1, max_size=2)),
        "tool_choice": st.sampled_from(
            [{"type": "auto"}, {"type": "none"}, {"type": "auto", "disable_parallel_tool_use": True}]
        ),
        "stop_sequences": st.just(["END"]),
        "stream": st.just(True),
        "thinking": st.sampled_from([{"type": "adaptive"}, {"type": "adaptive", "display": "omitted"}]),
        "output_config": st.sampled_from([{"effort": "max"}, {"format": {"type": "json_schema", "schema": {}}}]),
        "metadata": st.sampled_from([{"user_id": "u"}, {"user_id": json.dumps({"session_id": "s"})}]),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
        "container": st.just("container_1"),
        "cache_control": st.just(MARK),
    },
)


@settings(max_examples=100, deadline=None)
@given(_bodies)
def test_nothing_is_lost_and_nothing_changes_on_the_second_trip(client):
    target = Target("anthropic", "m", strict_tools=True)
    request = PROTOCOL.decode_request(client)
    first = PROTOCOL.encode_request(request, target)
    again = PROTOCOL.decode_request(first.body)
    assert again == request
    assert PROTOCOL.encode_request(again, target).body == first.body
    assert first.notes == []


_PARAMS = pydantic.TypeAdapter(MessageCreateParams)


@settings(max_examples=40, deadline=None)
@given(_bodies)
def test_what_is_sent_fits_the_official_types(client):
    request = PROTOCOL.decode_request(client)
    _PARAMS.validate_python(PROTOCOL.encode_request(request, Target("anthropic", "m", strict_tools=True)).body)


def test_claude_codes_request_survives_a_second_trip():
    request = PROTOCOL.decode_request(json_fixture("claude_code.request.json"))
    sent = PROTOCOL.encode_request(request, Target("anthropic", request.model, strict_tools=True)).body
    assert PROTOCOL.decode_request(sent) == request
