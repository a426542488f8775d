"""What counts as an answer of a service that was failing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from addons.gateway.upkeep.probe import answers
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.flow import upstream as up
from tests.flow.upstream import Upstream, good

SECRET = "secret-0123456789abcdef"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream(good)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("status", "well"),
    [(200, True), (404, True), (403, True), (401, False), (429, False), (500, False), (529, False)],
)
def test_whoever_answers_is_back_but_for_refusals_of_the_secret(upstream: Upstream, status: int, well: bool):
    upstream.script(SECRET, up.answer(status, up.error_body("some_error", "a text")))
    credential = Credential("a", "anthropic", SECRET, {"base_url": upstream.url})
    assert asyncio.run(answers(built_in().get("anthropic"), credential)) is well
    assert [(request.method, request.secret) for request in upstream.requests] == [("GET", SECRET)]


def test_one_that_is_not_there_is_not_back():
    credential = Credential("a", "anthropic", SECRET, {"base_url": "http://127.0.0.1:1"})
    assert not asyncio.run(answers(built_in().get("anthropic"), credential))
