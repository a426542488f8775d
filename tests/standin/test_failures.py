"""The stand-in fails as it is told to: with errors, cuts and silences, before its answer or inside it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import openai
import pytest

from . import Scenario, StandIn, cut_after, error_after, error_first_event, slow_head, stall, status
from .asking import HTTP, REQUESTS, ask, auth
from .conversations import MODEL, openai_client
from .failures import Failure


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(Scenario(final="Hello 日本")) as server:
        yield server


@pytest.fixture
def backend(standin: StandIn) -> StandIn:
    standin.reset()
    standin.scenario = Scenario(final="Hello 日本")
    standin.strict_models = False
    return standin


@pytest.mark.parametrize("protocol", REQUESTS)
def test_an_http_error_is_in_the_protocols_shape_and_ends_after_n_requests(protocol: str, backend: StandIn) -> None:
    backend.fail_next(2, status(429, {"retry-after": "7"}))
    answers = [ask(backend, protocol) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    error = answers[0].json()["error"]
    assert error.get("status", error.get("code", error.get("type"))) in (
        "RESOURCE_EXHAUSTED",
        "rate_limit_exceeded",
        "rate_limit_error",
    )
    assert backend.refusals == []
    assert [request.turn for request in backend.requests] == [None, None, 0]


def test_an_http_error_can_have_any_body(backend: StandIn) -> None:
    backend.fail_next(1, status(502, {"content-type": "text/html"}, "<html>bad gateway</html>"))
    answer = ask(backend, "anthropic")

    assert (answer.headers["content-type"], answer.text) == ("text/html", "<html>bad gateway</html>")


def test_a_refused_request_does_not_use_up_a_failure(backend: StandIn) -> None:
    backend.fail_next(1, status(503))
    HTTP.post(backend.url + "/v1/chat/completions", headers=auth(backend, "openai_chat"), json={})

    assert ask(backend, "openai_chat").status_code == 503


IN_STREAM: list[tuple[str, Failure, str]] = [
    (
        "anthropic",
        error_first_event("Overloaded now"),
        r'event: error\ndata: {"type":"error","error":{"type":"over',
    ),
    ("openai_chat", error_first_event("Overloaded now"), r'data: {"error":{"message":"Overloaded now"'),
    (
        "openai_responses",
        error_first_event("Overloaded now"),
        r'event: error\ndata: {"type":"error","sequence',
    ),
    (
        "openai_responses",
        error_first_event("Overloaded now", "other"),
        r'event: response.failed\ndata: {"type":"response.failed"',
    ),
    ("gemini", error_first_event("Overloaded now"), r'data: {"error":{"code":503,"message":"Overloaded now"'),
    ("gemini", error_first_event("Overloaded now", "other"), r'{"error":{"code":503,"message":"Overloaded now"'),
]


@pytest.mark.parametrize(("protocol", "failure", "says"), IN_STREAM)
def test_an_error_can_be_the_first_event_of_a_stream(
    protocol: str, failure: Failure, says: str, backend: StandIn
) -> None:
    backend.fail_next(1, failure)
    answer = ask(backend, protocol, stream=True)

    assert answer.status_code == 200
    assert answer.text.startswith(says.replace(r"\n", "\n"))
    assert "Overloaded now" in answer.text
    assert answer.text.count("data:") <= 1


def test_an_error_can_come_in_mid_stream(backend: StandIn) -> None:
    backend.fail_next(1, error_after(3))
    client = openai_client(backend.url, str(backend.key))
    stream = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True)
    seen = 0

    with pytest.raises(openai.APIError, match="Overloaded"):
        for _ in stream:
            seen += 1

    assert seen == 3


def test_a_whole_answer_with_an_in_stream_error_is_an_http_error(backend: StandIn) -> None:
    backend.fail_next(1, error_first_event())

    assert ask(backend, "anthropic").status_code == 529


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", REQUESTS)
def test_a_cut_breaks_the_connection_off(protocol: str, stream: bool, backend: StandIn) -> None:
    backend.fail_next(1, cut_after(2))

    with pytest.raises(httpx.RemoteProtocolError):
        ask(backend, protocol, stream)


def test_a_cut_lets_the_events_before_it_through(backend: StandIn) -> None:
    backend.fail_next(1, cut_after(2))
    path, body = REQUESTS["openai_chat"]
    received = b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        HTTP.stream(
            "POST", backend.url + path, headers=auth(backend, "openai_chat"), json={**body, "stream": True}
        ) as answer,
    ):
        for chunk in answer.iter_bytes():
            received += chunk

    assert received.count(b"data: ") == 2


def moments(backend: StandIn) -> list[float]:
    """Seconds from the request to the head and then to each event of a chat stream."""
    path, body = REQUESTS["openai_chat"]
    began = time.monotonic()
    with HTTP.stream(
        "POST", backend.url + path, headers=auth(backend, "openai_chat"), json={**body, "stream": True}
    ) as answer:
        head = time.monotonic() - began
        return [head, *(time.monotonic() - began for line in answer.iter_lines() if line)]


def test_a_stall_is_a_silence_inside_the_stream(backend: StandIn) -> None:
    backend.fail_next(1, stall(0.3, after=2))
    times = moments(backend)

    assert times[2] < 0.25
    assert times[3] >= 0.3


def test_a_slow_head_is_a_silence_before_it(backend: StandIn) -> None:
    backend.fail_next(1, slow_head(0.3))

    assert moments(backend)[0] >= 0.3


def test_a_client_that_hangs_up_is_noticed(backend: StandIn) -> None:
    backend.fail_next(1, stall(10, after=1))
    path, body = REQUESTS["openai_chat"]
    with HTTP.stream(
        "POST", backend.url + path, headers=auth(backend, "openai_chat"), json={**body, "stream": True}
    ) as answer:
        next(answer.iter_bytes())
    deadline = time.monotonic() + 5
    while not backend.requests[0].aborted and time.monotonic() < deadline:
        time.sleep(0.01)

    assert backend.requests[0].aborted


def test_a_failure_can_wait_for_a_turn(backend: StandIn) -> None:
    backend.fail_turn(1, status(503))
    backend.fail_turn(0, status(529))

    assert [ask(backend, "anthropic").status_code for _ in range(3)] == [529, 200, 200]
