"""Real coding agents and official SDKs do a job through every kind of provider.

Pairwise: each kind with one agent, each agent with two kinds or more. `PROXYCAST_FULL_MATRIX=1`: each with each.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from addons.vault.credential import Credential
from tests.e2e.clients import job
from tests.e2e.clients.drivers import DRIVERS
from tests.e2e.clients.install import ensure
from tests.e2e.pairs.talking import strings
from tests.e2e.stage import Stage
from tests.standin import Scenario, StandIn
from tests.standin.bedrock import BedrockStandIn
from tests.standin.conversations import SCRIPT, TALKS

from .conftest import ROOT, credential
from .kinds import KINDS, Kind

pytestmark = pytest.mark.e2e

COMPATIBLE = Kind("openai_compatible", "some-model", settings={"base_url": "{url}/v1"})
BEDROCK = {"bedrock converse": "converse", "bedrock invoke": "invoke"}
BEDROCK_KEY = "-".join(("a", "key", "of", "bedrock"))
BEDROCK_MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

PAIRWISE = {
    "vertex gemini": "claude",
    "vertex claude": "codex",
    "azure_openai v1": "gemini",
    "bedrock converse": "qwen",
    "bedrock invoke": "codex",
    "ollama": "claude",
    "new_api": "gemini",
    "anthropic_compatible": "qwen",
    "openai_compatible": "claude",
    "preset of two protocols": "codex",
    "provider of one's own": "qwen",
    "codex": "claude",
    "qwen": "claude",
    "iflow": "codex",
    "kiro": "claude",
    "kiro with thinking in tags": "codex",
    "kiro legacy": "qwen",
    "gemini_oauth": "gemini",
    "antigravity claude": "claude",
    "antigravity gemini": "codex",
}
AGENTS = ("claude", "codex", "gemini", "qwen")
FULL = os.environ.get("PROXYCAST_FULL_MATRIX") == "1"
#: A service's own client takes another way than the others.
OWN_CLIENTS = [("codex", "codex"), ("qwen", "qwen")]
CELLS = [(kind, agent) for kind in PAIRWISE for agent in AGENTS] if FULL else [*PAIRWISE.items(), *OWN_CLIENTS]
#: Models that refuse to think on once an answer with calls had no thinking (the script's second): it is switched off
#: for them then. The client of that protocol is not meddled with.
NEEDS_THINKING_BACK = {
    **dict.fromkeys(("bedrock converse", "bedrock invoke", "antigravity claude"), ""),
    "anthropic_compatible": "anthropic",
}
READ = "grüße-1 日本\nzwei 🎈"  # stands in no command, only in what came of one

NUMBERS = itertools.count(1)


@dataclass
class Door:
    """The gateway's address, a key for one kind of provider, and the backend behind it."""

    url: str
    key: str
    backend: StandIn | BedrockStandIn

    @property
    def bodies(self) -> list[Any]:
        if isinstance(self.backend, BedrockStandIn):
            return [seen.body for seen in self.backend.requests]
        return [request.json for request in self.backend.main_requests]

    @property
    def refusals(self) -> list[str]:
        if isinstance(self.backend, BedrockStandIn):
            return self.backend.refusals
        return [str(request.refusal) for request in self.backend.refusals]


@contextmanager
def door(at: dict[str, Stage], kind: str, scenario: Scenario) -> Iterator[Door]:
    shared = at[ROOT]
    if kind in BEDROCK:
        with BedrockStandIn(key=BEDROCK_KEY, shred=11, scenario=scenario) as bedrock:
            name = f"bedrock-{bedrock.url.rpartition(':')[2]}"
            settings = {"base_url": bedrock.url, "region": "eu-central-1", "api": BEDROCK[kind]}
            known = shared.add(Credential(name, "bedrock", BEDROCK_KEY, settings))
            yield Door(shared.gateway.url, shared.key(known, model=BEDROCK_MODEL), bedrock)
        return
    if kind == COMPATIBLE.provider:
        backend = at["new_api"].backend
        key = shared.key(
            shared.add(credential(f"compatible-{next(NUMBERS)}", COMPATIBLE, backend)), model=COMPATIBLE.model
        )
    else:
        backend, key = at[kind].backend, at[kind].keys[kind]
    backend.scenario = scenario
    yield Door(shared.gateway.url, key, backend)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "agent"), CELLS)
def test_a_coding_agent_does_its_job(at: dict[str, Stage], kind: str, agent: str, tmp_path: Path) -> None:
    driver = DRIVERS[agent](ensure(DRIVERS[agent].package), tmp_path)
    with door(at, kind, job.scenario(driver)) as to:
        driver.prepare(to.url, to.key)
        run = driver.run(job.PROMPT)

        job.check_client(run, driver)
        assert to.refusals == []
        # Each backend has its own form; that what a command put out is in it shows that results came back.
        assert any(READ in text for text in strings(to.bodies[-1]))
        if isinstance(to.backend, StandIn) and any(request.protocol for request in to.backend.main_requests):
            answered = to.backend.main_requests
            (protocol,) = {str(request.protocol) for request in answered}
            job.check_backend(driver, answered, protocol)


@pytest.mark.parametrize("sdk", TALKS)
@pytest.mark.parametrize("kind", PAIRWISE)
def test_an_official_sdk_hears_every_turn_streamed(at: dict[str, Stage], kind: str, sdk: str) -> None:
    with door(at, kind, SCRIPT) as to:
        heard = list(TALKS[sdk](cast(StandIn, to), True))

        assert to.refusals == []
        script = (*SCRIPT.turns, SCRIPT.last)
        assert [(turn.text, turn.calls) for turn in heard] == [(turn.text, tuple(turn.calls)) for turn in script]
        if sdk in KINDS.get(kind, COMPATIBLE).hides_thinking:
            return
        shown = ["".join(turn.thoughts) for turn in script]
        if kind in NEEDS_THINKING_BACK and sdk != NEEDS_THINKING_BACK[kind]:
            silent = shown.index("")
            shown = [*shown[:silent], *("" for _ in shown[silent:])]
        assert ["".join(turn.thoughts) for turn in heard] == shown
