"""Whole answers, token counts of answers, and the model list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.translators.openai_responses.support import RESPONSES, fixture, spelled, stream
from translators.canonical.blocks import Text
from translators.canonical.errors import ErrorKind
from translators.canonical.events import StopReason, Usage
from translators.canonical.names import NameMap
from translators.openai_responses import models_for_codex
from translators.openai_responses.usage import decode_usage, encode_usage

NAMES = NameMap()
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}


def decode(**fields: Any) -> Any:
    return RESPONSES.decode_response({"id": "resp_1", "model": "m", "created_at": 5, **fields}, NAMES)


def test_a_whole_answer_is_read_like_the_end_of_its_stream() -> None:
    last = json.loads(stream("only_completed").split(b"\n")[0].removeprefix(b"data: "))["response"]
    assert spelled(RESPONSES.decode_response(last, NAMES)) == fixture("streams/only_completed.expected.json")


@pytest.mark.parametrize("status", ["completed", None])
def test_an_answer_without_usage_or_status(status: str | None) -> None:
    answer = decode(output=[ITEM], **({} if status is None else {"status": status}))
    assert answer.blocks == [Text("Hi")]
    assert (answer.id, answer.model, answer.created, answer.stop) == ("resp_1", "m", 5, StopReason.END)
    assert answer.usage == Usage()


def test_an_incomplete_answer() -> None:
    answer = decode(status="incomplete", output=[ITEM], incomplete_details={"reason": "max_output_tokens"})
    assert answer.stop is StopReason.LENGTH
    assert answer.stop_detail == {"reason": "max_output_tokens"}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "m"}, "output": []}, ErrorKind.SERVER),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}}, ErrorKind.RATE_LIMIT),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, ErrorKind.INVALID_REQUEST),
        ({"error": "m"}, ErrorKind.SERVER),
        ({"status": "queued", "output": []}, ErrorKind.SERVER),
        ({"status": "cancelled", "output": []}, ErrorKind.SERVER),
    ],
)
def test_an_error_inside_a_200(fields: dict[str, Any], kind: ErrorKind) -> None:
    error = decode(**fields).error
    assert error.kind is kind
    assert error.message


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
                "output_tokens": 20,
                "output_tokens_details": {"reasoning_tokens": 5},
                "total_tokens": 120,
            },
            Usage(30, 60, 10, None, 20, 5),
        ),
        ({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 9}, "output_tokens": 1}, Usage(0, 9, output=1)),
        ({"input_tokens": 5, "input_tokens_details": None, "output_tokens": None}, Usage(5)),
        ({"input_tokens": 5.0, "output_tokens": "x"}, Usage(5)),
        ({}, Usage()),
        (None, None),
        ([], None),
    ],
)
def test_usage_is_read(raw: Any, usage: Usage | None) -> None:
    found = decode_usage(raw)
    if found is not None and usage is not None:
        assert found.raw == raw
        found.raw = None
    assert found == usage


def test_usage_survives_both_ways() -> None:
    usage = Usage(30, 60, 10, None, 20, 5)
    found = decode_usage(encode_usage(usage))
    assert found is not None
    found.raw = None
    assert found == usage


@pytest.mark.parametrize(("body", "tokens"), [({"input_tokens": 7}, 7), ({}, None), ({"input_tokens": "7"}, None)])
def test_counts_are_read(body: dict[str, Any], tokens: int | None) -> None:
    assert RESPONSES.decode_token_count(body) == tokens


def test_a_count_is_answered() -> None:
    assert RESPONSES.encode_token_count(7) == {"object": "response.input_tokens", "input_tokens": 7}


#: What Codex 0.169 cannot do without: one entry that lacks one of them makes it drop the whole list.
REQUIRED_BY_CODEX = {
    "slug": str,
    "display_name": str,
    "supported_reasoning_levels": list,
    "shell_type": str,
    "visibility": str,
    "supported_in_api": bool,
    "priority": int,
    "base_instructions": str,
    "supports_reasoning_summaries": bool,
    "support_verbosity": bool,
    "truncation_policy": dict,
    "supports_parallel_tool_calls": bool,
    "experimental_supported_tools": list,
}


def test_codex_gets_its_model_list() -> None:
    listed = models_for_codex(["b-model", "a-model"])
    assert [model["slug"] for model in listed["models"]] == ["b-model", "a-model"]
    assert [model["priority"] for model in listed["models"]] == [0, 1]
    for model in listed["models"]:
        for name, kind in REQUIRED_BY_CODEX.items():
            assert isinstance(model[name], kind), name
        assert {level["effort"] for level in model["supported_reasoning_levels"]} >= {"low", "medium", "high"}
        assert model["truncation_policy"] == {"mode": "bytes", "limit": 10_000}
        assert model["use_responses_lite"] is False
        assert "tool_mode" not in model
        assert model["base_instructions"]


def test_an_empty_model_list_is_one() -> None:
    assert models_for_codex([]) == {"models": []}
