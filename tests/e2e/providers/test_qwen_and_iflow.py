"""Logins of Qwen Code and iFlow CLI through a running gateway: expiry, refusals, quotas, failures in a 200, cuts."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.pairs.speaking import Wish
from tests.e2e.pairs.talking import SPEAKERS, post
from tests.e2e.stage import Stage
from tests.standin import Scenario, StandIn, Turn
from tests.standin.failures import cut_after, status
from tests.standin.iflow import IflowStandIn
from tests.standin.qwen import QwenStandIn

from .conftest import ROOT, credential
from .kinds import KINDS

pytestmark = pytest.mark.e2e

KEYS = itertools.count(1)
BOTH = ("qwen", "iflow")
OTHER = "anthropic_compatible"
LONG = Scenario(final=Turn(text="eins zwei drei vier fünf sechs sieben acht neun zehn"))
QUOTA = {"error": {"code": "insufficient_quota", "type": "x", "message": "Free allocated quota exceeded."}}


@dataclasses.dataclass
class Door:
    """A client key for credentials of its own, of which the first is at `backend`."""

    on: Stage
    backend: Any
    names: list[str]

    def post(self, client: str = "anthropic", **wish: Any) -> Any:
        speaker = SPEAKERS[client]
        return post(self.on, speaker, "door", Wish(history=[speaker.user("Hi")], **wish))

    def state(self) -> tuple[str, str]:
        """→ (state, cause) of the first credential, as the command shows them."""
        (row,) = json.loads(self.on.gateway.command("credentials", "show", self.names[0], "--json"))
        return row["state"], row["cause"] or ""


@pytest.fixture
def opened(at: dict[str, Stage]) -> Callable[..., Door]:
    """`opened(KIND, OTHER_KIND…)`: a door with a new credential for each, which are tried in order. `lasts`: seconds
    that the login of the first is good for."""

    def make(*kinds: str, lasts: float = 9000.0, **settings: Any) -> Door:
        shared = at[ROOT]
        names: list[str] = []
        for kind in kinds:
            made = credential(f"ended-{next(KEYS)}", KINDS[kind], at[kind].backend)
            more = {**made.settings, "models": {"*": KINDS[kind].model}}
            if not names:
                backend = at[kind].backend
                assert isinstance(backend, QwenStandIn | IflowStandIn)
                backend.refresh = f"refresh of {made.name}"  # a family of its own: one that is over stays so
                made = dataclasses.replace(made, secret=backend.login(lasts))
                more |= settings
            names.append(shared.add(dataclasses.replace(made, settings=more)))
        backend = at[kinds[0]].backend
        return Door(shared.beside(backend, {"door": shared.key(*names)}), backend, names)

    return make


# -- the login


@pytest.mark.parametrize("kind", BOTH)
def test_an_expired_login_is_renewed_once_for_all_who_wait(opened: Callable[..., Door], kind: str) -> None:
    door = opened(kind, lasts=-10)
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: door.post().status_code, range(20)))
    assert statuses == [200] * 20
    assert door.backend.grants.count("refresh_token") == 1
    assert door.backend.refusals == []


@pytest.mark.parametrize("kind", BOTH)
def test_a_token_that_is_withdrawn_is_renewed_within_the_request(opened: Callable[..., Door], kind: str) -> None:
    door = opened(kind)
    assert door.post().status_code == 200
    door.backend.key = "withdrawn"
    assert door.post().status_code == 200
    assert door.backend.grants.count("refresh_token") == 1


@pytest.mark.parametrize("kind", BOTH)
def test_a_login_that_is_over_ends_its_credential_and_the_next_one_answers(
    opened: Callable[..., Door], kind: str
) -> None:
    door = opened(kind, OTHER, lasts=-10)
    door.backend.token_answers.append((400, {"error": "invalid_grant", "success": False, "message": "over"}))
    assert door.post().status_code == 200
    state, cause = door.state()
    assert state == "out_of_service" and "cannot be renewed" in cause


def test_a_challenge_page_is_no_verdict_on_a_login_and_the_next_one_answers(opened: Callable[..., Door]) -> None:
    door = opened("qwen", OTHER, lasts=-10)
    door.backend.token_answers.extend([(400, b"<html>prove that you are human</html>")] * 3)
    assert door.post().status_code == 200
    assert door.state()[0] != "out_of_service"


def test_the_tools_own_file_is_renewed_in_place(at: dict[str, Stage], opened: Callable[..., Door]) -> None:
    file = at[ROOT].gateway.home / "oauth_creds.json"
    backend = at["qwen"].backend
    assert isinstance(backend, QwenStandIn)
    door = opened("qwen", creds_file_path=str(file))
    file.write_text(json.dumps({**json.loads(backend.login(-10)), "another": ["tool's own"]}, indent=2))
    assert door.post().status_code == 200
    now = json.loads(file.read_text())
    assert (now["access_token"], now["another"]) == (backend.key, ["tool's own"])


# -- refusals


def test_a_quota_that_does_not_come_back_ends_the_credential_and_the_next_one_answers(
    opened: Callable[..., Door],
) -> None:
    door = opened("qwen", OTHER)
    door.backend.fail_next(1, status(429, body=QUOTA))
    assert door.post(client="openai_chat").status_code == 200
    state, cause = door.state()
    assert state == "out_of_service" and "credentials add dashscope" in cause


@pytest.mark.parametrize("kind", BOTH)
def test_a_rate_limit_goes_to_the_next_one_and_passes(opened: Callable[..., Door], kind: str) -> None:
    door = opened(kind, OTHER)
    door.backend.fail_next(1, status(429, {"retry-after": "1"}))
    assert door.post().status_code == 200
    assert door.state()[0] != "out_of_service"


PLATFORM = [{"success": False, "code": "500", "message": "busy"}, {"status": "439", "msg": "too many"}]


@pytest.mark.parametrize("body", PLATFORM)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", ["anthropic", "openai_chat"])
def test_a_failure_in_a_200_is_a_failure(
    opened: Callable[..., Door], client: str, stream: bool, body: dict[str, Any]
) -> None:
    door = opened("iflow", OTHER)
    door.backend.platform_error = body
    answer = door.post(client, stream=stream)
    assert answer.status_code == 200 and "Hello" in answer.text


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("kind", BOTH)
def test_a_stream_that_is_cut_is_told_as_an_error(opened: Callable[..., Door], kind: str, client: str) -> None:
    door = opened(kind)
    door.backend.scenario = LONG
    door.backend.fail_next(1, cut_after(6))
    answer = door.post(client, stream=True)
    assert answer.status_code == 200 and "error" in answer.text


def test_a_login_that_names_another_host_is_sent_nowhere(at: dict[str, Stage], opened: Callable[..., Door]) -> None:
    backend = at["qwen"].backend
    assert isinstance(backend, StandIn) and isinstance(backend, QwenStandIn)
    door = opened("qwen", OTHER, base_url="")
    state = door.on._state
    made = state.credentials[door.names[0]]
    stolen = json.dumps({**json.loads(made.secret), "resource_url": "evil.example"})
    state.update_credential(dataclasses.replace(made, secret=stolen))
    assert door.post().status_code == 200, "the next one answers"
    assert backend.main_requests == []
