"""Which objects of one account a request names, and which an answer made (design.md, decision 13)."""

from typing import Any

import pytest

from addons.audit.record import Origin, Side
from addons.gateway import objects
from addons.gateway.exchange import Attempt, Exchange
from addons.gateway.recognise import Recognised
from addons.pool.candidates import DEMO, Candidate
from addons.providers.api import Operation
from addons.providers.registry import built_in
from translators import jsonio
from translators.canonical.names import NameMap
from translators.canonical.response import Response


def asked(body: Any, *, protocol: str = "anthropic", object_id: str | None = None) -> Exchange:
    exchange = Exchange(Origin.GATEWAY)
    exchange.body, exchange.json = jsonio.dumps(body), body
    exchange.protocol = exchange.output = protocol
    exchange.recognised = Recognised(protocol, Operation.GENERATE, "/", object_id=object_id)
    return exchange


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"messages": [{"role": "user", "content": "the file_id and the container"}]}, []),
        ({"messages": [{"content": [{"source": {"type": "file", "file_id": "file_1"}}]}]}, ["file_1"]),
        ({"container": {"id": "container_1", "skills": []}}, ["container_1"]),
        ({"container": "container_1"}, ["container_1"]),
        ({"previous_response_id": "resp_1", "conversation": None}, ["resp_1"]),
        ({"conversation": {"id": "conv_1"}}, ["conv_1"]),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, []),
        ({"cachedContent": "cachedContents/abc"}, ["abc"]),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "https://g.example/v1beta/files/abc"}}]}]}, ["abc"]),
        ({"tools": [{"name": "f", "input_schema": {"properties": {"file_id": {"type": "string"}}}}]}, []),
    ],
)
def test_what_a_body_names(body: Any, wanted: list[str]) -> None:
    assert objects.named(asked(body)) == wanted


def test_the_path_names_first() -> None:
    assert objects.named(asked({"file_id": "file_2"}, object_id="file_1")) == ["file_1", "file_2"]


def answered(exchange: Exchange, answer: Response | None = None, body: bytes = b"") -> Attempt:
    provider = built_in().get(DEMO.provider)
    return Attempt(
        number=1,
        candidate=Candidate(DEMO, provider, "m", ""),
        provider=provider,
        protocol=exchange.protocol,
        model="m",
        names=NameMap(),
        translated=False,
        started=0.0,
        response=Side([], body),
        answer=answer,
    )


@pytest.mark.parametrize(
    ("protocol", "body", "wanted"),
    [
        ("openai_responses", {}, "resp_1"),
        ("openai_responses", {"store": True}, "resp_1"),
        ("openai_responses", {"store": False}, None),
        ("openai_chat", {}, None),
        ("anthropic", {}, None),
    ],
)
def test_only_kept_answers_are_objects(protocol: str, body: Any, wanted: str | None) -> None:
    exchange = asked(body, protocol=protocol)
    assert objects.made(exchange, answered(exchange, Response("resp_1", "m"))) == wanted


def test_an_answer_in_another_form_hides_its_id() -> None:
    exchange = asked({}, protocol="openai_responses")
    exchange.output = "gemini"
    assert objects.made(exchange, answered(exchange, Response("resp_1", "m"))) is None


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"id":"file_1","type":"file"}', "file_1"),
        (b'{"file":{"name":"files/abc","uri":"https://g.example/v1beta/files/abc"}}', "abc"),
        (b'{"name":"cachedContents/abc"}', "abc"),
        (b'{"data":[]}', None),
        (b"{broken", None),
        (b"RIFF", None),
    ],
)
def test_what_was_uploaded_is_an_object(body: bytes, wanted: str | None) -> None:
    exchange = asked({})
    exchange.operation = Operation.PASS
    assert objects.made(exchange, answered(exchange, body=body)) == wanted
    exchange.method = "GET"
    assert objects.made(exchange, answered(exchange, body=body)) is None
