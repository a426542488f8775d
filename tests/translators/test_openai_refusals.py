"""What OpenAI's clients are told of a value that is wrong or missing: the same by either API."""

from __future__ import annotations

from typing import Any

import pytest

from translators import registry
from translators.canonical.errors import TranslationError

#: Path of the conversation, and a part of a message without its text.
SAID: dict[str, tuple[str, dict[str, Any]]] = {
    "openai_chat": ("messages", {"type": "text"}),
    "openai_responses": ("input", {"type": "input_text"}),
}


def refused(protocol: str, **fields: Any) -> dict[str, Any]:
    translator = registry.get(protocol)
    said = {SAID[protocol][0]: [{"role": "user", "content": "hello"}]}
    with pytest.raises(TranslationError) as caught:
        translator.decode_request({"model": "m", **said, **fields})
    status, body = translator.encode_error(caught.value.info)
    assert status == 400
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize("protocol", SAID)
@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("temperature", "hot", "a number"),
        ("temperature", True, "a number"),
        ("top_logprobs", 1.5, "an integer"),
        ("top_logprobs", "2", "an integer"),
        ("parallel_tool_calls", 1, "a boolean"),
        ("user", 5, "a string"),
        ("tools", {}, "an array"),
        ("tools", ["x"], "an object"),
    ],
)
def test_a_wrong_type_is_named(protocol: str, field: str, value: Any, wanted: str) -> None:
    error = refused(protocol, **{field: value})
    where = f"{field}[0]" if isinstance(value, list) else field
    assert (error["param"], error["code"]) == (where, "invalid_type")
    assert error["message"] == f"Invalid type for '{where}': expected {wanted}."


@pytest.mark.parametrize("protocol", SAID)
def test_what_is_missing_is_named(protocol: str) -> None:
    name, part = SAID[protocol]
    error = refused(protocol, **{name: [{"role": "user", "content": [part]}]})
    where = f"{name}[0].content[0].text"
    assert (error["param"], error["code"]) == (where, "missing_required_parameter")
    assert error["message"] == f"Missing required parameter: '{where}'."


@pytest.mark.parametrize("protocol", SAID)
def test_whole_floats_count_as_integers(protocol: str) -> None:
    said = {SAID[protocol][0]: [{"role": "user", "content": "hello"}]}
    sampling = registry.get(protocol).decode_request({"model": "m", **said, "top_logprobs": 2.0}).sampling
    assert sampling.top_logprobs == 2
