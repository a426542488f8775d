"""A guess at input tokens where no endpoint counts them: plausible, monotonous, always the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.translators.canonical.build import assistant, call, request, result, signed, user
from translators.canonical.blocks import Block, Document, Image, Media, Opaque, Text, Unknown
from translators.canonical.estimate import estimate_tokens, text_tokens
from translators.canonical.request import Output, Tool


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("", 0, 0),
        ("a", 1, 1),
        ("The quick brown fox jumps over the lazy dog. " * 20, 180, 280),
        ('{"command": ["bash", "-lc", "ls -la"], "timeout_ms": 10000}', 15, 30),
        ("你好，世界。今天天气很好。" * 10, 80, 160),
        ("こんにちは世界", 4, 9),
        ("안녕하세요 세계", 4, 12),
        ("Привет, как дела?", 5, 12),
        ("😀😀😀", 3, 9),
    ],
    ids=["nothing", "one letter", "English", "JSON", "Chinese", "Japanese", "Korean", "Russian", "emoji"],
)
def test_text_is_within_what_vocabularies_give(text: str, low: int, high: int) -> None:
    assert low <= text_tokens(text) <= high


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    assert text_tokens(one) <= text_tokens(one + other) <= text_tokens(one) + text_tokens(other)


BASE = estimate_tokens(request(user("hello")))


@pytest.mark.parametrize(
    ("block", "low", "high"),
    [
        pytest.param(Image(url="https://x/y.png"), 1000, 2000, id="an image by URL"),
        pytest.param(Image(data="A" * 4_000_000), 1000, 2000, id="an image costs the same whatever its bytes"),
        pytest.param(Document("application/pdf", data="A" * 400_000), 5_000, 15_000, id="a PDF by its size"),
        pytest.param(Document("application/pdf", url="https://x/y.pdf"), 1_000, 5_000, id="a PDF of unknown size"),
        pytest.param(Document("text/plain", text="word " * 700, name="a.txt"), 900, 1_200, id="a text document"),
        pytest.param(Media("audio/wav", data="A" * 999), 500, 5_000, id="audio"),
        pytest.param(call(arguments='{"command":"' + "x" * 350 + '"}'), 100, 120, id="a call by its arguments"),
        pytest.param(result(text="x" * 350), 100, 110, id="a result by its content"),
        pytest.param(signed("anthropic", "x" * 350), 100, 105, id="thinking by its text"),
        pytest.param(Opaque("x" * 700, "anthropic"), 90, 110, id="opaque data by half"),
        pytest.param(Unknown("anthropic", {"text": "x" * 350}), 100, 110, id="an unknown block by its JSON"),
    ],
)
def test_every_block_counts(block: Block, low: int, high: int) -> None:
    assert low <= estimate_tokens(request(user("hello", block))) - BASE <= high


def test_system_tools_and_schema_count() -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string", "description": "x" * 350}}}
    with_tool = estimate_tokens(request(user("hello"), tools=[Tool("read", "Reads a file.", schema)]))
    two_tools = estimate_tokens(
        request(user("hello"), tools=[Tool("read", "Reads a file.", schema), Tool("write", None, schema)])
    )
    assert with_tool - BASE > two_tools - with_tool > 100
    assert estimate_tokens(request(user("hello"), system=[Text("x" * 350)])) - BASE > 100
    assert estimate_tokens(request(user("hello"), output=Output(schema=schema))) - BASE > 100


def test_it_is_always_the_same_and_never_zero() -> None:
    wanted = request(user("hello", Image(data="AAAA")), assistant("x", call()), user(result()))
    assert estimate_tokens(wanted) == estimate_tokens(wanted)
    assert estimate_tokens(request()) == 1


def test_lone_surrogates_are_no_obstacle() -> None:
    assert text_tokens("a\ud83d") > 0
    assert estimate_tokens(request(user(Unknown("x", {"text": "\ud83d"})))) > 0
