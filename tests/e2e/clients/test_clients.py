"""Real coding agents do a job of several turns with tools: each client with a backend of each protocol."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clients import job
from tests.e2e.clients.conftest import Routed, RoutedToTwo
from tests.e2e.clients.drivers import DRIVERS, CodexCodeMode, Driver
from tests.e2e.clients.install import ensure
from tests.e2e.gateway import BACKENDS, Gateway
from tests.standin.failures import Failure, cut_after, stall, status
from tests.standin.server import DEFAULT_KEY, StandIn

# How the services refuse what another account has signed.
BOUND = re.compile("signature|encrypted content|cannot be modified", re.IGNORECASE)

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
    do_the_job(driver_of(client), routed)


@pytest.mark.parametrize("routed", BACKENDS, indirect=True)
def test_codex_does_the_job_in_its_code_mode(routed: Routed, tmp_path: Path) -> None:
    """A custom tool in a namespace, declared by an input item, with every backend."""
    driver = CodexCodeMode(ensure(CodexCodeMode.package), tmp_path)
    if routed.protocol == driver.protocol:
        driver.shell_tool = "exec"  # there it keeps its namespace

    do_the_job(driver, routed)


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
    do_the_job(driver_of(client), routed_past_a_dead_backend)


OVERLOADED = status(529)
CUT = cut_after(1)
CUT_AT_ONCE = cut_after(0)  # Gemini's streams begin with content
STALLED = stall(30, after=1)


# Each client with each fault, each fault at each backend, and each client once with its own protocol.
@pytest.mark.parametrize(
    ("client", "fault", "routed_to_two"),
    [
        pytest.param("claude", OVERLOADED, "anthropic", id="claude-overloaded-anthropic"),
        pytest.param("claude", CUT, "openai_responses", id="claude-cut-openai_responses"),
        pytest.param("claude", STALLED, "gemini", id="claude-stalled-gemini"),
        pytest.param("codex", OVERLOADED, "gemini", id="codex-overloaded-gemini"),
        pytest.param("codex", CUT, "anthropic", id="codex-cut-anthropic"),
        pytest.param("codex", STALLED, "openai_responses", id="codex-stalled-openai_responses"),
        pytest.param("gemini", OVERLOADED, "openai_responses", id="gemini-overloaded-openai_responses"),
        pytest.param("gemini", CUT_AT_ONCE, "gemini", id="gemini-cut-gemini"),
        pytest.param("gemini", STALLED, "anthropic", id="gemini-stalled-anthropic"),
        pytest.param("qwen", OVERLOADED, "openai_chat", id="qwen-overloaded-openai_chat"),
        pytest.param("qwen", CUT_AT_ONCE, "gemini", id="qwen-cut-gemini"),
        pytest.param("qwen", STALLED, "anthropic", id="qwen-stalled-anthropic"),
    ],
    indirect=["routed_to_two"],
)
def test_a_fault_in_the_middle_of_the_job_goes_unnoticed(
    client: str, fault: Failure, routed_to_two: RoutedToTwo, driver_of: Callable[[str], Driver]
) -> None:
    """The second answer fails before content; another account goes on without what is bound to the first."""
    first, second, driver = routed_to_two.first, routed_to_two.second, driver_of(client)
    first.reset()
    first.scenario = second.scenario = job.scenario(driver)
    first.fail_turn(1, fault)
    driver.prepare(routed_to_two.gateway.url, routed_to_two.key)

    run = driver.run(job.PROMPT)

    assert "Traceback" not in routed_to_two.gateway.log
    job.check_client(run, driver)
    answered = [request for request in first.main_requests if request.failure is None] + second.main_requests
    job.check_backend(driver, answered, routed_to_two.protocol)
    assert first.refusals == []
    # What is bound to the first account is refused at most once a request, and then taken out (decision 4).
    assert len(second.refusals) <= len(second.main_requests)
    assert all(BOUND.search(str(request.refusal)) for request in second.refusals)


def test_reasoning_that_a_chat_backend_demands_back_is_there(
    tmp_path_factory: pytest.TempPathFactory, driver_of: Callable[[str], Driver]
) -> None:
    """Qwen Code drops `reasoning_content`; DeepSeek refuses calls without it. Nothing is translated between the two."""
    driver = driver_of("qwen")
    with StandIn(job.scenario(driver), dialect="deepseek", shred=7) as backend:
        gateway = Gateway(tmp_path_factory.mktemp("gateway"))
        gateway.route(gateway.credential("openai_chat", backend.url, DEFAULT_KEY), model="deepseek-chat")
        key = gateway.key()
        with gateway:
            driver.prepare(gateway.url, key)
            run = driver.run(job.PROMPT)
        job.check(run, driver, backend, "openai_chat")
        last = backend.main_requests[-1].json
    returned = [message["reasoning_content"] for message in last["messages"] if message.get("tool_calls")]
    assert returned == [step.thinking for step in job.STEPS]


@pytest.mark.parametrize("client", ["claude", "codex", "gemini"])
def test_a_backend_that_counts_its_calls_anew_does_not_confuse(
    client: str, tmp_path_factory: pytest.TempPathFactory, driver_of: Callable[[str], Driver]
) -> None:
    """Claude Code takes a repeated id for a call that was interrupted, and asks again for ever."""
    driver = driver_of(client)
    with StandIn(job.scenario(driver), interleave=True, shred=7, restart_ids=True) as backend:
        gateway = Gateway(tmp_path_factory.mktemp("gateway"))
        gateway.use("openai_chat", backend.url, DEFAULT_KEY)
        key = gateway.key()
        with gateway:
            driver.prepare(gateway.url, key)
            run = driver.run(job.PROMPT)
        job.check(run, driver, backend, "openai_chat")


def do_the_job(driver: Driver, routed: Routed) -> None:
    routed.standin.reset()
    routed.standin.scenario = job.scenario(driver)
    driver.prepare(routed.gateway.url, routed.key)

    run = driver.run(job.PROMPT)

    assert "Traceback" not in routed.gateway.log
    job.check(run, driver, routed.standin, routed.protocol)
