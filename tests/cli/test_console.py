"""The line of an exchange on the terminal."""

from __future__ import annotations

import logging
import queue
import time

import click
import pytest

from addons.audit.record import Origin
from addons.gateway.console import News, lines
from addons.gateway.exchange import Attempt, Cause, Exchange, Failure
from addons.pool.candidates import Candidate
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.events import Usage
from translators.canonical.names import NameMap


def exchange(**facts: object) -> Exchange:
    made = Exchange(Origin.GATEWAY, started=time.time() - 1.5, requested_model="claude-x", client="claude-code")
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def attempt(number: int, name: str, failure: Failure | None = None, model: str = "claude-x") -> Attempt:
    provider = built_in().get("anthropic")
    candidate = Candidate(Credential(name, "anthropic"), provider, model, "")
    cause = Cause.OK if failure is None else failure.cause
    return Attempt(number, candidate, provider, "anthropic", model, NameMap(), False, 0.0, failure=failure, cause=cause)


def plain(made: Exchange, status: int) -> list[str]:
    return [click.unstyle(line) for line in lines(made, status)]


def test_one_that_went_well_is_one_line():
    made = exchange(attempts=[attempt(1, "main")], usage=Usage(input_fresh=1200, output=34))
    (line,) = plain(made, 200)
    assert line[8:] == "  claude-code → main  claude-x  200  1.50 s  1,200 in 34 out"


def test_another_model_than_asked_for_is_shown():
    assert "claude-x as gpt-5.5  200" in plain(exchange(attempts=[attempt(1, "main", model="gpt-5.5")]), 200)[0]


def test_a_failure_on_the_way_is_a_line_of_its_own():
    failure = Failure(Cause.SERVER, ErrorInfo(ErrorKind.OVERLOADED, "Overloaded", 529), (529, [], b""))
    first, second = plain(exchange(attempts=[attempt(1, "main", failure), attempt(2, "spare")]), 200)
    assert "→ spare" in first
    assert second.strip() == "attempt 1, main: Overloaded (HTTP 529)"


def test_a_refused_request_says_why():
    made = exchange(
        requested_model="", client="", path="/v1/messages", error=ErrorInfo(ErrorKind.AUTHENTICATION, "no key")
    )
    assert "client → refused  POST /v1/messages  401" in plain(made, 401)[0]
    assert plain(made, 401)[0].endswith("no key")


def test_a_list_of_ours_is_no_refusal():
    made = exchange(requested_model="", method="GET", path="/v1/models")
    assert "claude-code → answered here  GET /v1/models  200" in plain(made, 200)[0]


def test_a_request_that_names_no_model_is_asked_as_none():
    made = exchange(requested_model="", method="GET", path="/v1/files", attempts=[attempt(1, "main", model="")])
    assert "claude-code → main  GET /v1/files  200" in plain(made, 200)[0]


def test_a_client_that_hung_up_is_not_a_success():
    gone = attempt(1, "main")
    gone.cause = Cause.HANG_UP
    assert "  hung up  " in plain(exchange(attempts=[gone]), 200)[0]


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "a\rb", "\x9b0m", "‮reversed"])
def test_what_others_wrote_cannot_steer_the_terminal(text: str):
    (line,) = plain(exchange(requested_model=text, attempts=[attempt(1, "main", model=text)]), 200)
    assert line.isprintable()


def test_a_line_is_not_endless():
    (line,) = plain(exchange(requested_model="x" * 10_000, attempts=[attempt(1, "main", model="x" * 10_000)]), 200)
    assert len(line) <= 160


def test_what_happens_beside_exchanges_is_told_and_worse_left_to_mitmproxy():
    told: queue.Queue[str] = queue.Queue()
    logger, news = logging.getLogger("addons.gateway.plugins"), News(told)
    logger.addHandler(news)
    logger.setLevel(logging.DEBUG)
    try:
        logger.info("proxycast: the plugin %s is active", "a\x1b[31m")
        logger.warning("proxycast: it is broken")
        logger.debug("proxycast: a detail")
    finally:
        logger.removeHandler(news)
        logger.setLevel(logging.NOTSET)
    assert [told.get_nowait() for _ in range(told.qsize())] == ["proxycast: the plugin a�[31m is active"]
