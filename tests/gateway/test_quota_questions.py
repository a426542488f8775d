"""Which credentials' services are asked what is left, when, and what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from addons.config.home import Home
from addons.config.store import ConfigStore
from addons.gateway.services import Services
from addons.gateway.upkeep.quota_questions import BACKOFF, SOON, QuotaQuestions
from addons.pool.candidates import Candidate
from addons.pool.quotas import QuotaStore
from addons.pool.standing import State
from addons.providers.api import Manifest, Provider, UnavailableError
from addons.providers.quota import Quota
from addons.providers.registry import Registry
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from translators.canonical.errors import ErrorInfo, ErrorKind

INTERVAL = 300.0


class Telling(Provider):
    """`left` is what the service says; an error is raised."""

    def __init__(self) -> None:
        super().__init__(Manifest(id="telling", name="t", protocols=("anthropic",), reads_quota=True))
        self.left: Sequence[Quota] | Exception = ()
        self.asked: list[str] = []

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        self.asked.append(credential.name)
        if isinstance(self.left, Exception):
            raise self.left
        return self.left


class Stage:
    def __init__(self, folder: Path) -> None:
        home = Home(folder)
        home.ensure()
        self.provider, registry = Telling(), Registry()
        registry.register(self.provider)
        registry.register(Provider(Manifest(id="silent", name="s", protocols=("anthropic",))))
        config = ConfigStore(home.config)
        config.load()
        self.services = Services(home, config, StateStore(home.state, home.vault_key), registry)
        self.questions = QuotaQuestions(self.services)

    def add(self, name: str, provider: str = "telling", **settings: object) -> Credential:
        self.services.state.add_credential(Credential(name, provider, f"key of {name}", dict(settings)))
        return self.services.state.credentials[name]

    async def look(self, now: float) -> list[str]:
        """Who was asked at that time."""
        self.provider.asked.clear()
        await asyncio.gather(*self.questions.look(now))
        return sorted(self.provider.asked)

    def use(self, name: str) -> None:
        self.services.pool.book.started(name)
        self.services.pool.book.ended(name)

    def state(self, name: str, now: float) -> State | None:
        standing = self.services.pool.standings.of(name, "m", now)
        return None if standing is None else standing.state


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> float:
    """The clock stands; tests say what time it is."""
    monkeypatch.setattr("addons.gateway.upkeep.quota_questions.time.time", lambda: 1000.0)
    return 1000.0


async def test_at_start_each_is_asked_once_and_then_only_while_it_is_used(stage: Stage, now: float):
    stage.add("idle"), stage.add("used"), stage.add("k", "silent")
    assert await stage.look(now) == ["idle", "used"]
    stage.use("used"), stage.use("k")
    assert await stage.look(now + INTERVAL - 1) == []
    assert await stage.look(now + INTERVAL) == ["used"]
    assert await stage.look(now + 10 * INTERVAL) == []


async def test_who_is_disabled_or_out_of_service_is_left_alone(stage: Stage, now: float):
    stage.services.state.add_credential(Credential("off", "telling", "key", enabled=False))
    stage.add("banned")
    stage.services.pool.over("banned", "account closed", "", now)
    assert await stage.look(now) == []


async def test_a_refusal_about_a_limit_is_worth_a_question_sooner(stage: Stage, now: float):
    credential = stage.add("a")
    await stage.look(now)
    for kind in (ErrorKind.SERVER, ErrorKind.BILLING):
        candidate = Candidate(credential, stage.provider, "m", "")
        stage.services.pool.failed(candidate, ErrorInfo(kind, "no credit", retry_after=1), now)
        asked = await stage.look(now + SOON)
        assert asked == (["a"] if kind is ErrorKind.BILLING else [])
    assert await stage.look(now + SOON + 1) == []


async def test_a_changed_credential_is_asked_anew(stage: Stage, now: float):
    stage.add("a")
    await stage.look(now)
    stage.services.state.change_secret("a", lambda _: "another key")
    assert await stage.look(now + 1) == ["a"]


async def test_where_nothing_is_left_the_credential_rests_until_it_is_whole(stage: Stage, now: float):
    stage.add("dated"), stage.add("undated")
    stage.provider.left = [Quota("credits", 0, 50, now + 5000, source="GET /left", seen=now)]
    await stage.look(now)
    standing = stage.services.pool.standings.of("dated", "any", now + 1)
    assert standing is not None and (standing.state, standing.until) == (State.COOLING, now + 5000)
    assert standing.cause == "0 of 50 credits left (GET /left)"
    stage.provider.left = [Quota("USD", 0, source="GET /left", seen=now)]
    stage.services.pool.standings.enabled("undated", now)
    stage.use("undated")
    await stage.look(now + INTERVAL)
    standing = stage.services.pool.standings.of("undated", "any", now + 1)
    assert standing is not None and standing.until == now + 2 * INTERVAL


async def test_the_owners_reserve_holds_for_what_is_asked(stage: Stage, now: float):
    stage.add("careful", reserve="20%"), stage.add("careless")
    stage.provider.left = [Quota("credits", 9, 50, now + 5000, seen=now)]
    await stage.look(now)
    assert (stage.state("careful", now), stage.state("careless", now)) == (State.COOLING, None)


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), UnavailableError(ErrorInfo(ErrorKind.SERVER, "no"))])
async def test_who_does_not_answer_is_asked_less_and_less(stage: Stage, now: float, error: Exception):
    stage.add("a")
    stage.provider.left = error
    assert await stage.look(now) == ["a"]
    stage.use("a")
    assert await stage.look(now + BACKOFF[0] - 1) == []
    stage.services.pool.refused.add("a")
    assert await stage.look(now + BACKOFF[0] - 1) == [], "a refusal is no reason to press"
    assert stage.state("a", now) is None


async def test_a_wait_that_the_service_names_is_kept(stage: Stage, now: float):
    stage.add("a")
    stage.provider.left = UnavailableError(ErrorInfo(ErrorKind.RATE_LIMIT, "slow down", retry_after=5000))
    await stage.look(now)
    stage.use("a")
    assert await stage.look(now + 4999) == []
    assert await stage.look(now + 5000) == ["a"]


async def test_of_two_gateways_one_asks_and_both_know(stage: Stage, tmp_path: Path, now: float):
    other = Stage(tmp_path)
    stage.add("a")
    stage.provider.left = [Quota("credits", 0, 50, now + 5000, source="GET /left", seen=now)]
    assert await stage.look(now) == ["a"]
    QuotaStore(Home(tmp_path).state).save(stage.services.pool.quotas.take())  # as quotas.py does
    assert await other.look(now + 1) == []
    assert other.state("a", now) is State.COOLING
