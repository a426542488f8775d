"""Signing in by a device code: what is shown, how the service is asked, what ends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from addons.login import run as running
from addons.login.errors import LoginError
from addons.login.run import run, wait_for
from addons.login.steps import Device, Steps
from addons.vault.tokens import Token
from tests.login.conftest import DEVICE, Person
from tests.login.server import AuthServer

PENDING = (400, {"error": "authorization_pending"})
SLOW_DOWN = (400, {"error": "slow_down"})


class Time:
    """Passes when it is slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(wait_for, "__defaults__", (made.sleep, made.clock))
    return made


async def test_the_user_is_told_where_to_go_and_with_which_code(server: AuthServer, steps):
    person = Person(lambda url: None)
    token = await run(steps(DEVICE), person)
    assert (token.access, token.refresh, token.extra, server.refused) == (
        "access-1",
        "refresh-1",
        {"account": "a-1"},
        [],
    )
    said = "\n".join(person.said)
    assert "https://login.example/device and enter the code  WDJB-MJHT" in said
    assert person.opened == ["https://login.example/device?user_code=WDJB-MJHT"]


async def test_it_asks_at_the_services_pace_until_the_user_is_done(server: AuthServer, steps, time: Time):
    server.polls.extend([PENDING, PENDING])
    server.device = {"interval": 3, "expires_in": 600}
    await run(steps(DEVICE), Person())
    assert time.slept == [3, 3, 3]


PACES: dict[str, tuple[dict[str, Any], dict[str, Any], list[Any], list[float]]] = {
    "slow_down adds 5 seconds (RFC 8628 §3.5)": ({}, {"interval": 5}, [SLOW_DOWN, PENDING, SLOW_DOWN], [5, 10, 10, 15]),
    "slow_down × 1.5 up to 10 (qwen.md §2)": (
        {"slower": (1.5, 0.0, 10.0)},
        {"interval": 6},
        [SLOW_DOWN, SLOW_DOWN, SLOW_DOWN],
        [6, 9, 10, 10],
    ),
    "the flow's where the service names none": ({"interval": 2.0}, {}, [PENDING], [2, 2]),
    "an interval that is a text (codex.md §2)": ({}, {"interval": "4"}, [PENDING], [4, 4]),
    "an interval that is nonsense": ({"interval": 7.0}, {"interval": "soon"}, [], [7]),
    "times in milliseconds (kiro.md §3.2)": (
        {"milliseconds": True},
        {"interval": 2500, "expires_in": 300_000},
        [PENDING],
        [2.5, 2.5],
    ),
    "statuses that mean pending (codex.md §2)": (
        {"pending_statuses": (403, 404)},
        {"interval": 1},
        [(403, {"x": 1}), (404, {})],
        [1, 1, 1],
    ),
    "a 200 that says pending (kiro.md §3.2)": (
        {"answer": {"error": "status"}},
        {"interval": 1},
        [(200, {"status": "authorization_pending"})],
        [1, 1],
    ),
    "a 200 whose token is null (qwen.md §2)": ({}, {"interval": 1}, [(200, {"access_token": None})], [1, 1]),
}


@pytest.mark.parametrize(("changes", "device", "polls", "slept"), PACES.values(), ids=PACES)
async def test_the_ways_of_services_to_say_wait(server: AuthServer, steps, time: Time, changes, device, polls, slept):
    server.device = {"expires_in": 600, **device}
    server.polls.extend(polls)
    token = await run(steps(replace(DEVICE, **changes)), Person())
    assert (token.access, time.slept) == ("access-1", slept)


async def test_what_may_pass_is_waited_out_with_growing_pauses(server: AuthServer, steps, time: Time):
    """A gateway's page, an overload: RFC 8628 §3.5 wants a back-off."""
    server.polls.extend([(502, b"<html>"), (200, b"<html>challenge</html>"), (503, {"error": "x"}), PENDING])
    server.device = {"interval": 1, "expires_in": 600}
    person = Person()
    token = await run(steps(DEVICE), person)
    assert (token.access, time.slept) == ("access-1", [1, 2, 4, 8, 1])
    assert sum("still waiting" in text for text in person.said) == 3


async def test_a_pause_does_not_grow_without_end(server: AuthServer, steps, time: Time):
    server.polls.extend([(500, {})] * 8)
    await run(steps(DEVICE), Person())
    assert max(time.slept) == running.LONGEST_PAUSE


ENDS = {
    "the user said no": ((400, {"error": "access_denied"}), "access_denied"),
    "the code has expired": ((400, {"error": "expired_token"}), "expired_token"),
    "401 (qwen.md §2)": ((401, {"error": "invalid_device_code"}), "invalid_device_code"),
    "429 without slow_down (qwen.md §2)": ((429, {"error": "too_many"}), "too_many"),
    "an error in a 200": ((200, {"error": "access_denied"}), "access_denied"),
}


@pytest.mark.parametrize(("answer", "said"), ENDS.values(), ids=ENDS)
async def test_what_ends_a_login(server: AuthServer, steps, time: Time, answer, said: str):
    server.polls.extend([answer, PENDING])
    with pytest.raises(LoginError, match=said):
        await run(steps(DEVICE), Person())
    assert len(time.slept) == 1


async def test_it_ends_with_the_codes_time(server: AuthServer, steps, time: Time):
    server.device = {"interval": 4, "expires_in": 10}
    server.polls.extend([PENDING] * 9)
    with pytest.raises(LoginError, match="has expired"):
        await run(steps(DEVICE), Person())
    assert time.slept == [4, 4, 2]


STARTS = {
    "a refusal": ((400, {"error": "invalid_client"}), "invalid_client"),
    "an error in a 200 (qwen.md §2)": ((200, {"error": "x", "error_description": "closed"}), "x: closed"),
    "not enabled (codex.md §2)": ((404, {}), "HTTP 404"),
    "a page": ((200, b"<html>"), "HTTP 200"),
}


@pytest.mark.parametrize(("answer", "said"), STARTS.values(), ids=STARTS)
async def test_a_login_that_cannot_begin_says_why(server: AuthServer, steps, monkeypatch, answer, said: str):
    monkeypatch.setattr(server, "_begin_device", lambda fields: answer)
    with pytest.raises(LoginError, match=said):
        await run(steps(DEVICE), Person())


async def test_nothing_of_a_services_text_commands_the_terminal(server: AuthServer, steps):
    server.device = {"user_code": "A\x1b[2JB", "verification_uri": "https://x.example/\x07", "interval": 1}
    person = Person()
    await run(steps(DEVICE), person)
    assert not any(c in text for text in person.said for c in "\x1b\x07")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "http://login.example/"])
async def test_only_a_page_over_tls_is_opened(server: AuthServer, steps, url: str):
    server.device = {"verification_uri": url, "verification_uri_complete": "", "interval": 1}
    person = Person(lambda _: None)
    await run(steps(DEVICE), person)
    assert person.opened == []


class WithACode(Steps):
    """As Codex' device login: what is granted is a code (codex.md §2)."""

    async def begin(self) -> None:
        self.client_id = "the-client"
        self.extra["registration"] = "r-1"

    async def poll(self, device: Device) -> Token:
        assert device.answer["device_code"] == device.code
        return Token("from a code")


async def test_a_provider_overrides_the_step_that_is_odd(steps):
    token = await run(steps(replace(DEVICE, client_id=""), WithACode), Person())
    assert (token.access, token.extra) == ("from a code", {"registration": "r-1"})
