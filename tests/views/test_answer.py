"""What mitmweb shows of a model's answer: one text whatever the protocol, whether it was streamed or not."""

from __future__ import annotations

import pytest
from mitmproxy import contentviews, http
from mitmproxy.test import tflow

from addons.audit.record import Origin
from addons.gateway import exchange as exchanges
from addons.gateway.exchange import Exchange
from addons.providers.api import Operation
from addons.views.answer import AnswerView, read
from translators import jsonio, registry
from translators.canonical.blocks import Opaque, Text, Thinking, ToolCall
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import StopReason, Usage
from translators.canonical.response import Response, unfold
from translators.protocol import Reply

ANSWER = Response(
    id="msg_1",
    model="a-model",
    blocks=[
        Thinking("Let me see.\nYes.", "c2lnbmVk", "anthropic"),
        Text("Grüße 👋"),
        ToolCall("call_1", "Bash", '{"command": "ls", "times": 2}'),
    ],
    stop=StopReason.TOOL_USE,
    usage=Usage(input_fresh=20, cache_read=100, output=40),
)
#: An openai_chat client must ask for the usage of a stream.
REPLY = Reply("seed", 1, "a-model", include_usage=True)
PROTOCOLS = registry.client_ids()


def metadata(protocol: str, content_type: str, body: bytes, **of: object) -> contentviews.Metadata:
    flow = tflow.tflow(resp=http.Response.make(200, body, {"content-type": content_type}))
    exchange = Exchange(Origin.GATEWAY, protocol=protocol, output=protocol)
    for name, value in of.items():
        setattr(exchange, name, value)
    exchanges.attach(flow, exchange)
    return contentviews.Metadata(flow=flow, content_type=content_type, http_message=flow.response)


def streamed(protocol: str) -> bytes:
    encoder = registry.get(protocol).stream_encoder(REPLY)
    return b"".join(encoder.encode(event) for event in unfold(ANSWER))


def whole(protocol: str) -> bytes:
    return jsonio.dumps(registry.get(protocol).encode_response(ANSWER, REPLY))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("made", "kind"), [(streamed, "text/event-stream; charset=utf-8"), (whole, "application/json")]
)
def test_an_answer_reads_as_a_person_would_read_it(protocol: str, made, kind: str):
    body = made(protocol)
    text = AnswerView().prettify(body, metadata(protocol, kind, body))
    assert text.startswith("model   a-model\n")
    assert "120 in, 100 of them from the cache, 40 out" in text
    assert "─\nLet me see.\nYes.\n\n── " in text
    assert "─\nGrüße 👋\n\n── " in text
    assert "\n── call of Bash, call_1 ─" in text
    assert '{\n  "command": "ls",\n  "times": 2\n}' in text


def test_thinking_and_what_is_sealed_are_told_apart():
    text = read(Response(blocks=[Thinking("hm", "sig"), Thinking("ha"), Opaque("x" * 90, "anthropic")]))
    assert "── thinking, signed ─" in text
    assert "── thinking ─" in text
    assert "── redacted_thinking, sealed ─" in text
    assert "(90 characters)" in text


def test_an_answer_that_broke_off_says_so():
    cut = read(Response(model="m", blocks=[ToolCall("c", "f", '{"a": ')], error=ErrorInfo(ErrorKind.SERVER, "cut off")))
    assert "error   cut off" in cut
    assert '\n{"a": \n' in cut
    assert "stop    (it does not say)" in read(Response(model="m"))


def test_it_is_chosen_for_streams_and_offered_for_whole_answers():
    body = whole("anthropic")
    registry_of_views = contentviews.registry
    json_first = registry_of_views["json"].render_priority(body, metadata("anthropic", "application/json", body))
    assert 0 < AnswerView().render_priority(body, metadata("anthropic", "application/json", body)) < json_first
    stream = metadata("anthropic", "text/event-stream", body)
    assert AnswerView().render_priority(body, stream) > max(
        view.render_priority(body, stream) for name, view in registry_of_views.items() if name != "llm answer"
    )


def test_it_is_not_offered_for_anything_else():
    view, body = AnswerView(), whole("anthropic")
    ours = metadata("anthropic", "application/json", body)
    request = contentviews.Metadata(flow=ours.flow, http_message=ours.flow.request, content_type="application/json")
    foreign = contentviews.Metadata(flow=tflow.tflow(resp=True), content_type="application/json")
    count = metadata("anthropic", "application/json", body, operation=Operation.COUNT_TOKENS)
    refused = metadata("anthropic", "application/json", body)
    refused.flow.response.status_code = 400
    for about in (request, foreign, count, refused, contentviews.Metadata()):
        assert view.render_priority(body, about) < 0
        with pytest.raises(ValueError, match="no answer of a model"):
            view.prettify(body, about)
    assert view.render_priority(b"", ours) < 0


@pytest.mark.parametrize("body", [b"{", b"3", b"not JSON"])
def test_what_is_no_answer_is_a_value_error_of_which_mitmproxy_makes_a_note(body: bytes):
    with pytest.raises(ValueError):
        AnswerView().prettify(body, metadata("anthropic", "application/json", body))


def test_a_stream_of_geminis_in_an_array_is_read_as_one():
    body = b'[{"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP"}]}]'
    assert "\nHello\n" in AnswerView().prettify(body, metadata("gemini", "application/json", body))
