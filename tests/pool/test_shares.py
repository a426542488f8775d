"""What becomes of a banned account's share (design.md, decision 5): other providers' accounts have it, those of its own
provider only where the profile says `take_over`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from addons.pool.candidates import Candidate
from addons.pool.lists import Listed
from addons.pool.pool import Pool
from addons.pool.standing_store import StandingStore
from addons.pool.strategies import STRATEGIES
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind

REGISTRY = built_in()
BAN = ErrorInfo(ErrorKind.AUTHENTICATION, "this organization has been disabled.", out_of_service=True)
REFUSED = ErrorInfo(ErrorKind.AUTHENTICATION, "invalid x-api-key")
LIMITED = ErrorInfo(ErrorKind.RATE_LIMIT, "slow down", retry_after=100)


def candidate(name: str, provider: str, position: int = 0, **settings: str) -> Candidate:
    return Candidate(Credential(name, provider, "s", dict(settings)), REGISTRY.get(provider), "m", "", position)


A, B, C = (candidate(name, "anthropic") for name in "abc")
OTHER = candidate("other", "openai")


def order(
    pool: Pool,
    *candidates: Candidate,
    strategy: str = "priority",
    conversation: str = "",
    take_over: bool = False,
    now: float = 1,
    listed: Listed | None = None,
) -> list[str]:
    ordered, _ = pool.order(
        listed or Listed(candidates),
        strategy=strategy,
        conversation=conversation,
        keep=300,
        now=now,
        take_over=take_over,
    )
    return [one.candidate.name for one in ordered]


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_the_banned_accounts_conversations_go_to_other_providers(pool: Pool) -> None:
    pool.succeeded(B, "talk", 0)
    pool.failed(B, BAN, 0)
    assert order(pool, A, B, C, OTHER, conversation="talk") == ["other"]
    assert order(pool, A, B, C, OTHER, conversation="talk", take_over=True) == ["a", "c", "other"]


def test_they_stay_away_for_as_long_as_they_go_on(pool: Pool) -> None:
    pool.succeeded(B, "talk", 0)
    pool.failed(B, BAN, 0)
    for now in range(1, 1000, 250):
        assert order(pool, A, B, C, conversation="talk", now=now) == []
    pool.succeeded(OTHER, "talk", 1001)
    assert order(pool, A, B, C, OTHER, conversation="talk", now=1002)[0] == "other"


def test_the_other_accounts_keep_what_was_theirs(pool: Pool) -> None:
    pool.succeeded(A, "talk", 0)
    pool.failed(B, BAN, 0)
    assert order(pool, A, B, C, OTHER, conversation="talk") == ["a", "c", "other"]
    assert order(pool, A, B, C, OTHER, conversation="new") == ["a", "c", "other"]


def test_what_comes_after_a_banned_account_in_a_profiles_order_does_not_step_up(pool: Pool) -> None:
    one, two, three = (candidate(name, "anthropic", place) for place, name in enumerate("abc"))
    pool.failed(two, BAN, 0)
    assert order(pool, one, two, three) == ["a", "c"]
    pool.failed(one, BAN, 0)
    assert order(pool, one, two, three, candidate("other", "openai", 9)) == ["other"]


@pytest.mark.parametrize("strategy", ["round_robin", "weighted", "least_used", "least_busy", "random"])
def test_equals_go_on_with_the_share_that_they_had(strategy: str, pool: Pool) -> None:
    pool.book.chance.seed(7)
    pool.failed(B, BAN, 0)
    listed, firsts = Listed([A, B, C]), Counter[str]()
    for _ in range(300):
        found = order(pool, strategy=strategy, listed=listed)
        firsts[found[0] if found else ""] += 1
        if found:
            pool.book.started(found[0])
            pool.book.ended(found[0])
    assert set(firsts) == {"a", "c", ""}
    assert all(60 <= count <= 140 for count in firsts.values()), firsts


def test_busy_hours_are_not_all_dealt_to_an_account_that_does_nothing(pool: Pool) -> None:
    pool.failed(B, BAN, 0)
    listed, lost = Listed([A, B, C]), 0
    for _ in range(30):
        found = order(pool, strategy="least_busy", listed=listed)
        lost += not found
        if found:
            pool.book.started(found[0])  # and goes on for long
    assert 8 <= lost <= 12


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_with_take_over_the_work_is_dealt_among_those_that_are_left(strategy: str, pool: Pool) -> None:
    pool.failed(B, BAN, 0)
    assert sorted(order(pool, A, B, C, strategy=strategy, take_over=True)) == ["a", "c"]


@pytest.mark.parametrize("error", [LIMITED, REFUSED], ids=["a rate limit", "a secret that was refused"])
def test_what_is_no_ban_moves_on_as_usual(error: ErrorInfo, pool: Pool) -> None:
    for _ in range(2):
        pool.failed(A, error, 0)
    assert order(pool, A, B, C)[:2] == ["b", "c"]


def test_a_login_that_is_over_is_no_ban(pool: Pool) -> None:
    pool.over("a", "invalid_grant", "fingerprint", 0)
    assert order(pool, A, B, C) == ["b", "c"]


def test_one_provider_at_two_addresses_is_two_services(pool: Pool) -> None:
    here = candidate("here", "openai_compatible", base_url="https://one.example/v1")
    there = candidate("there", "openai_compatible", base_url="https://two.example/v1")
    pool.failed(here, BAN, 0)
    assert order(pool, here, there) == ["there"]


def test_a_resting_account_of_the_banned_ones_provider_is_no_last_resort_either(pool: Pool) -> None:
    pool.failed(A, BAN, 0)
    pool.failed(B, LIMITED, 0)
    assert order(pool, A, B, OTHER) == ["other"]


def test_that_it_was_a_ban_is_remembered_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Pool(StandingStore(path)).failed(A, BAN, 0)
    assert order(Pool(StandingStore(path)), A, B) == []
    StandingStore(path).forget("a")
    assert order(Pool(StandingStore(path)), A, B) == ["a", "b"]
