"""The form of errors that we write, where the path decides it."""

import json

import pytest

from addons.audit.record import Origin
from addons.gateway.answers.own_answers import error_response
from addons.gateway.exchange import Exchange
from addons.gateway.recognise import recognise
from translators.canonical.errors import ErrorInfo, ErrorKind

ERROR = ErrorInfo(ErrorKind.RATE_LIMIT, "slower")
STREAM = "/v1beta/models/gemini-3.5-pro:streamGenerateContent"


@pytest.mark.parametrize(
    ("path", "query", "output", "in_array"),
    [
        (STREAM, "", "gemini", True),
        (STREAM, "key=k", "gemini", True),
        (STREAM, "alt=sse", "gemini", False),
        (STREAM, "", "anthropic", False),
        ("/v1beta/models/gemini-3.5-pro:generateContent", "", "gemini", False),
        ("/v1/messages", "", "anthropic", False),
    ],
)
def test_an_error_of_a_stream_that_is_an_array_is_in_an_array(
    path: str, query: str, output: str, in_array: bool
) -> None:
    exchange = Exchange(Origin.GATEWAY)
    exchange.recognised = recognise("POST", path, query, {})
    assert exchange.recognised is not None
    exchange.protocol, exchange.output = exchange.recognised.protocol, output
    response = error_response(exchange, ERROR)
    body = json.loads(response.content or b"")
    assert response.status_code == 429
    assert isinstance(body, list) is in_array
    assert (body[0] if in_array else body)["error"]["message"] == "slower"
