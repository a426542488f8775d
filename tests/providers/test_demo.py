"""The demo answers every kind of request with something a real client can use, and the same every time."""

import json

import pytest

from addons.providers.api import Call, Operation
from addons.providers.demo.script import example
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from translators import registry as protocols
from translators.canonical.names import NameMap
from translators.canonical.response import folded

DEMO = built_in().get("demo")
ASK = {"model": "claude-demo", "max_tokens": 100, "messages": [{"role": "user", "content": "hi there"}]}
SHELL = {
    "name": "Bash",
    "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
}
WRITE = {
    "name": "Write",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}


async def ask(body: dict[str, object], operation: Operation = Operation.GENERATE) -> tuple[int, bytes]:
    call = Call(operation, "anthropic", "claude-demo", bool(body.get("stream")), json.dumps(body).encode())
    answer = await DEMO.answer(call, Credential("demo", "demo"))
    assert answer is not None
    assert await DEMO.answer(call, Credential("demo", "demo")) == answer
    return answer.status, answer.body


async def test_it_greets_and_quotes() -> None:
    status, body = await ask(ASK)
    message = json.loads(body)
    assert status == 200 and "hi there" in message["content"][0]["text"] and message["stop_reason"] == "end_turn"


async def test_a_stream_folds_up_to_the_same() -> None:
    _, whole = await ask(ASK)
    _, stream = await ask({**ASK, "stream": True})
    decoder = protocols.get("anthropic").stream_decoder(NameMap())
    blocks = folded([*decoder.feed(stream), *decoder.end()]).blocks
    assert [b.text for b in blocks] == [json.loads(whole)["content"][0]["text"]]  # type: ignore[union-attr]
    assert stream.count(b"text_delta") > 3


async def test_it_calls_a_shell_with_an_echo_and_nothing_else() -> None:
    _, body = await ask({**ASK, "tools": [WRITE, SHELL]})
    call = json.loads(body)["content"][-1]
    assert (call["type"], call["name"]) == ("tool_use", "Bash")
    assert call["input"]["command"].startswith("echo ")


async def test_it_does_not_touch_tools_that_change_things_unless_told_to() -> None:
    other = {**WRITE, "name": "Edit"}
    _, body = await ask({**ASK, "tools": [WRITE, other]})
    assert json.loads(body)["stop_reason"] == "end_turn"
    _, body = await ask({**ASK, "tools": [WRITE, other], "tool_choice": {"type": "tool", "name": "Write"}})
    assert json.loads(body)["content"][-1]["name"] == "Write"
    _, body = await ask({**ASK, "tools": [SHELL], "tool_choice": {"type": "none"}})
    assert json.loads(body)["stop_reason"] == "end_turn"


async def test_after_a_result_it_ends() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "echo"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
    history = [*ASK["messages"], {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    _, body = await ask({**ASK, "messages": history, "tools": [SHELL]})
    assert json.loads(body)["stop_reason"] == "end_turn"


async def test_structured_output_fits_its_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    _, body = await ask({**ASK, "output_config": {"format": {"type": "json_schema", "schema": schema}}})
    assert json.loads(json.loads(body)["content"][0]["text"]) == {"n": 1}


async def test_it_counts_tokens_and_refuses_nonsense() -> None:
    status, body = await ask({"model": "m", "messages": ASK["messages"]}, Operation.COUNT_TOKENS)
    assert status == 200 and json.loads(body)["input_tokens"] > 0
    status, body = await ask({"model": "m", "max_tokens": 5, "messages": 7})
    assert status == 400 and json.loads(body)["type"] == "error"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "enum": ["a", "b"]}, "a"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 1}, [True]),
        ({"type": ["null", "string"]}, None),
        ({"anyOf": [{"type": "number", "minimum": 3}]}, 3),
        ({"const": 5}, 5),
        (
            {"type": "object", "properties": {"a": {"type": "object", "required": ["b"]}}, "required": ["a"]},
            {"a": {"b": "demo"}},
        ),
    ],
)
def test_examples_fit_their_schema(schema: dict[str, object], expected: object) -> None:
    if schema.get("required") == ["a"]:
        assert isinstance(example(schema)["a"], dict)
    else:
        assert example(schema) == expected
