"""Real coding agents do a job of several turns with tools: each client with a backend of each protocol, 16 of 16."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.clients import job
from tests.e2e.clients.conftest import Routed
from tests.e2e.clients.drivers import DRIVERS, Driver
from tests.e2e.gateway import BACKENDS
from tests.standin.server import DEFAULT_KEY, StandIn

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize("client", DRIVERS)
def test_the_job_is_done_without_a_gateway(client: str, standin: StandIn, driver_of: Callable[[str], Driver]) -> None:
    """The yardstick: client and stand-in understand each other, so what fails below is the gateway's."""
    driver = driver_of(client)
    standin.reset()
    standin.scenario = job.scenario(driver)
    driver.prepare(standin.url, DEFAULT_KEY)

    run = driver.run(job.PROMPT)

    job.check(run, driver, standin, driver.protocol)


@pytest.mark.parametrize("routed", BACKENDS, indirect=True)
@pytest.mark.parametrize("client", DRIVERS)
def test_the_job_is_done_through_the_gateway(client: str, routed: Routed, driver_of: Callable[[str], Driver]) -> None:
    do_the_job(client, routed, driver_of)


# Each client once, and each backend once, never the client's own protocol.
@pytest.mark.parametrize(
    ("client", "routed_past_a_dead_backend"),
    [
        ("claude", "openai_chat"),
        ("codex", "gemini"),
        ("gemini", "anthropic"),
        ("qwen", "openai_responses"),
    ],
    indirect=["routed_past_a_dead_backend"],
)
def test_a_backend_that_is_down_goes_unnoticed(
    client: str, routed_past_a_dead_backend: Routed, driver_of: Callable[[str], Driver]
) -> None:
    do_the_job(client, routed_past_a_dead_backend, driver_of)


def do_the_job(client: str, routed: Routed, driver_of: Callable[[str], Driver]) -> None:
    driver = driver_of(client)
    routed.standin.reset()
    routed.standin.scenario = job.scenario(driver)
    driver.prepare(routed.gateway.url, routed.key)

    run = driver.run(job.PROMPT)

    assert "Traceback" not in routed.gateway.log
    job.check(run, driver, routed.standin, routed.protocol)
