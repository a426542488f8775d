"""Ids of calls are unique in the client's conversation, whatever a backend counts (mapping.md §4)."""

from __future__ import annotations

import pytest

from tests.translators.canonical.build import PROTOCOLS, assistant, call, request, result, user
from translators import jsonio, registry
from translators.canonical import ids
from translators.canonical.blocks import Text, ToolCall
from translators.canonical.call_ids import CallIds
from translators.canonical.events import BlockStart, StopReason
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.response import Response, folded, unfold
from translators.pipeline import AnswerPipe
from translators.protocol import Reply

HISTORY = request(user("go"), assistant(call("call_0"), call("call_1")), user(result("call_0"), result("call_1")))


def answered(*calls: ToolCall, history: Request | None = HISTORY, seed: str = "seed") -> list[str]:
    """The ids of an answer with these calls, as the client gets them; streamed and whole alike."""
    response = Response(blocks=[Text("so"), *calls], stop=StopReason.TOOL_USE)
    whole = CallIds(history, seed).applied(response)
    events = list(unfold(response))
    CallIds(history, seed).apply(events)
    assert folded(events).blocks == whole.blocks
    assert [block.id for block in response.blocks if isinstance(block, ToolCall)] == [c.id for c in calls]
    return [block.id for block in whole.blocks if isinstance(block, ToolCall)]


def test_new_ids_stay_as_they_are() -> None:
    assert answered(call("call_2"), call("toolu_x")) == ["call_2", "toolu_x"]
    response = Response(blocks=[call("call_2")])
    assert CallIds(HISTORY, "seed").applied(response) is response


def test_an_id_of_the_history_is_replaced_by_a_stable_new_one() -> None:
    first, second = answered(call("call_0"), call("call_1"))
    assert len({first, second, "call_0", "call_1"}) == 4
    assert answered(call("call_0"), call("call_1")) == [first, second]
    assert answered(call("call_0"), call("call_1"), seed="next") != [first, second]


def test_an_id_that_the_client_got_in_a_fitted_form_is_known_too() -> None:
    given = ids.fit("functions.shell:0")
    history = request(user("go"), assistant(call(given)), user(result(given)))
    [found] = answered(call("functions.shell:0"), history=history)
    assert found not in ("functions.shell:0", given)


@pytest.mark.parametrize("identifiers", [("call_7", "call_7"), ("", ""), ("a", "a", "a")])
@pytest.mark.parametrize("history", [None, HISTORY])
def test_an_answer_never_has_one_twice_or_none(identifiers: tuple[str, ...], history: Request | None) -> None:
    found = answered(*map(call, identifiers), history=history)
    assert all(found) and len(set(found)) == len(identifiers)


def test_calls_that_the_backend_ran_itself_keep_theirs() -> None:
    event = BlockStart(0, "tool_call", id="call_0", tool_kind="server")
    CallIds(HISTORY, "seed").apply([event])
    assert event.id == "call_0"
    assert answered(call("call_0", kind="server")) == ["call_0"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_clients_of_every_protocol_get_the_new_id(protocol: str) -> None:
    """A chat backend that counts from call_0 in every answer, on its way to each client."""
    chat, client = registry.get("openai_chat"), registry.get(protocol)
    function = {"name": "shell", "arguments": "{}"}
    tool_call = {"index": 0, "id": "call_0", "type": "function", "function": function}
    chunks = [
        {"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [tool_call]}}]},
        {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    data = b"".join(b"data: " + jsonio.dumps(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    encoder = client.stream_encoder(Reply("seed", 1, "m", HISTORY))
    pipe = AnswerPipe.translating(chat.stream_decoder(NameMap()), encoder, call_ids=CallIds(HISTORY, "seed"))
    out = pipe.feed(data) + pipe.end()
    [block] = pipe.fold.response().blocks
    assert isinstance(block, ToolCall) and block.id != "call_0"
    assert block.id.encode() in out and b'"call_0"' not in out
