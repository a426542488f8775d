"""The pool as routing uses it: order, states that survive and are shared, notices."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from addons.pool.candidates import Candidate
from addons.pool.lists import Listed
from addons.pool.pool import Pool
from addons.pool.standing_store import StandingStore
from addons.providers.quota import Quota
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind

DEMO = built_in().get("demo")
LIMITED = ErrorInfo(ErrorKind.RATE_LIMIT, "slow down", retry_after=100)
REVOKED = ErrorInfo(ErrorKind.AUTHENTICATION, "revoked")


def candidate(name: str, position: int) -> Candidate:
    return Candidate(Credential(name, "demo"), DEMO, "m", "", position)


A, B, C = (candidate(name, position) for position, name in enumerate("abc"))


def names(pool: Pool, now: float, conversation: str = "", take_over: bool = False) -> list[str]:
    ordered, _ = pool.order(
        Listed([A, B, C]), strategy="priority", conversation=conversation, keep=300, now=now, take_over=take_over
    )
    return [one.candidate.name for one in ordered]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_the_profiles_order_holds_and_a_conversation_stays() -> None:
    pool = Pool()
    assert names(pool, 0) == ["a", "b", "c"]
    pool.succeeded(B, "talk", 0)
    assert names(pool, 1, "talk") == ["b", "a", "c"]
    assert names(pool, 1, "other") == ["a", "b", "c"]
    assert names(pool, 400, "talk") == ["a", "b", "c"]


def test_the_resting_come_last_soonest_first_and_the_banned_not_at_all() -> None:
    pool = Pool()
    pool.failed(A, LIMITED, 0)
    pool.failed(B, ErrorInfo(ErrorKind.RATE_LIMIT, "x", retry_after=50), 0)
    assert names(pool, 1) == ["c", "b", "a"]
    pool.failed(C, REVOKED, 1)
    pool.failed(C, REVOKED, 1)
    assert names(pool, 2) == ["b", "a"]
    assert pool.out_of_service([A, B, C], 2) == [("c", "revoked")]
    assert names(pool, 101) == ["a", "b"]


def test_a_conversation_leaves_a_resting_credential() -> None:
    pool = Pool()
    pool.succeeded(A, "talk", 0)
    pool.failed(A, LIMITED, 1)
    assert names(pool, 2, "talk") == ["b", "c", "a"]


def test_states_survive_a_restart(path: Path) -> None:
    pool = Pool(StandingStore(path))
    pool.failed(A, LIMITED, 0)
    for _ in range(2):
        pool.failed(B, REVOKED, 0)
    again = Pool(StandingStore(path))
    assert names(again, 1) == ["c", "a"]
    assert names(again, 101) == ["a", "c"]


def test_two_gateways_on_one_home_share_what_they_learn(path: Path) -> None:
    one, two = Pool(StandingStore(path)), Pool(StandingStore(path))
    assert names(two, 0) == ["a", "b", "c"]
    for _ in range(2):
        one.failed(A, REVOKED, 0)
    assert names(two, 1) == ["b", "c"]


def test_the_user_ends_out_of_service(path: Path) -> None:
    pool = Pool(StandingStore(path))
    for _ in range(2):
        pool.failed(A, REVOKED, 0)
    assert names(pool, 1) == ["b", "c"]
    StandingStore(path).forget("a")
    assert names(pool, 2) == ["a", "b", "c"]


def test_the_user_is_told_of_what_matters(path: Path) -> None:
    store = StandingStore(path)
    pool = Pool(store)
    pool.failed(A, ErrorInfo(ErrorKind.RATE_LIMIT, "a moment", retry_after=2), 0)
    assert store.notices() == []
    for _ in range(2):
        pool.failed(B, REVOKED, 0)
    assert "b is out of service: revoked" in store.notices()[0].text
    pool.failed(A, LIMITED, 0)
    assert "rests until" in store.notices()[0].text


def test_an_unhealthy_credential_is_the_last_to_be_asked() -> None:
    pool = Pool()
    for _ in range(3):
        pool.failed(A, ErrorInfo(ErrorKind.SERVER, "down"), 0)
    assert names(pool, 1) == ["b", "c", "a"]
    pool.probed("a", well=True, now=20)
    assert names(pool, 21) == ["a", "b", "c"]
    assert pool.standings.of("a", "m", 21) is None


def quota(remaining: float, resets: float, model: str | None = "m") -> Quota:
    return Quota("requests", remaining, 100.0, resets, model, "left", 0.0)


def test_a_credential_rests_before_its_limit_is_hit() -> None:
    pool = Pool()
    pool.told(A, [quota(1, 60)], 0)
    assert names(pool, 1) == ["a", "b", "c"]
    pool.told(A, [quota(0, 60)], 1)
    assert names(pool, 2) == ["b", "c", "a"]
    assert names(pool, 61) == ["a", "b", "c"]


@pytest.mark.parametrize("reserve", [0.1, "0.1", "10%"])
def test_its_owner_may_keep_a_reserve(reserve: object) -> None:
    pool = Pool()
    careful = replace(A, credential=Credential("a", "demo", settings={"reserve": reserve}))
    pool.told(careful, [quota(10, 60)], 0)
    assert names(pool, 1) == ["a", "b", "c"]
    pool.told(careful, [quota(9, 60)], 1)
    assert names(pool, 2) == ["b", "c", "a"]


def test_what_was_told_is_noted_also_of_refusals() -> None:
    pool = Pool()
    pool.told(A, [quota(5, 60)], 0)
    pool.failed(B, LIMITED, 0, [quota(0, 60)])
    assert [(name, seen.remaining) for name, seen in pool.quotas.take()] == [("a", 5), ("b", 0)]


def test_a_brief_rest_is_not_worth_storing(path: Path) -> None:
    store = StandingStore(path)
    pool = Pool(store)
    pool.told(A, [quota(0, 1)], 0)
    assert names(pool, 0.5) == ["b", "c", "a"] and store.load(0.5) == []
    pool.told(A, [quota(0, 60)], 2)
    assert [name for name, _ in store.load(3)] == ["a"]
    pool.succeeded(A, "", 4, began=3)
    assert store.load(5) == []


def test_a_brief_rest_outlives_news_of_other_gateways(path: Path) -> None:
    one, two = Pool(StandingStore(path)), Pool(StandingStore(path))
    names(one, 0)
    one.told(A, [quota(0, 1)], 0)
    two.failed(B, LIMITED, 0)
    assert names(one, 0.5) == ["c", "a", "b"]


def test_the_conversations_home_is_told_even_while_it_rests() -> None:
    pool = Pool()
    pool.succeeded(A, "talk", 0)
    pool.failed(A, LIMITED, 1)
    listed = Listed([A, B, C])
    ordered, home = pool.order(listed, strategy="priority", conversation="talk", keep=300, now=2)
    assert home == "a" and [(one.candidate.name, one.held) for one in ordered] == [
        ("b", False),
        ("c", False),
        ("a", True),
    ]


def test_the_turn_goes_on_among_those_that_are_left() -> None:
    pool = Pool()
    listed = Listed([replace(one, position=0) for one in (A, B, C)])

    def first(now: float) -> str:
        ordered, _ = pool.order(listed, strategy="round_robin", conversation="", keep=0, now=now)
        return next(iter(ordered)).candidate.name

    assert [first(0) for _ in range(4)] == ["a", "b", "c", "a"]
    pool.failed(B, LIMITED, 1)
    assert {first(2) for _ in range(4)} == {"a", "c"}
    assert {first(101) for _ in range(6)} == {"a", "b", "c"}


def test_who_comes_to_rest_while_a_request_is_tried_is_left_for_the_last() -> None:
    pool = Pool()
    ordered, _ = pool.order(Listed([A, B, C]), strategy="priority", conversation="", keep=0, now=0)
    order = iter(ordered)
    assert next(order).candidate.name == "a"
    pool.failed(B, LIMITED, 0)
    for _ in range(2):
        pool.failed(A, REVOKED, 0)
    assert [one.candidate.name for one in order] == ["c", "b"]


def test_a_login_that_is_over_is_kept_with_its_fingerprint_and_told(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Pool(StandingStore(path)).over("a", "invalid_grant", "first", 0)
    assert "a is out of service: invalid_grant. Another login ends that" in caplog.text
    again = Pool(StandingStore(path))
    assert names(again, 1) == ["b", "c"]
    assert again.standings.over_logins(1) == [("a", "first")]
    again.back("a", 2)
    assert names(again, 3) == ["a", "b", "c"]
    assert StandingStore(path).load(3) == []
    assert [notice.text for notice in StandingStore(path).notices(1)] == ["a is back"]


def test_who_renews_logins_hears_of_one_that_may_be_tried_again(path: Path) -> None:
    heard: list[str] = []
    pool = Pool(StandingStore(path), heard.append)
    pool.over("a", "invalid_grant", "first", 0)
    pool.over("b", "account closed", "", 0)
    assert names(pool, 1, take_over=True) == ["c"]
    for name in "ab":
        StandingStore(path).forget(name)  # as `credentials enable` does, in another process
    assert names(pool, 2) == ["a", "b", "c"]
    assert heard == ["a"]


def test_states_of_a_former_version_are_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE credential_states (name TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, "
            "cause TEXT NOT NULL, until REAL NOT NULL, since REAL NOT NULL, PRIMARY KEY (name, model))"
        )
        db.execute("INSERT INTO credential_states VALUES ('a', '', 'out_of_service', 'revoked', 0, 0)")
        db.commit()
    pool = Pool(StandingStore(path))
    assert names(pool, 1) == ["b", "c"]
    assert pool.standings.over_logins(1) == []


def test_models_that_share_their_limits_rest_together() -> None:
    pool = Pool()
    opus, sonnet, flash = (replace(A, model=model, group=group) for model, group in GROUPED)
    pool.failed(opus, LIMITED, 0)
    assert [pool.standings.of(one.name, one.limited, 1) is None for one in (opus, sonnet, flash)] == [
        False,
        False,
        True,
    ]
    pool.told(flash, [Quota("requests", 0, 10, resets=50, model="flash-group")], 2)
    assert pool.standings.of(flash.name, flash.limited, 3) is not None


GROUPED = (("claude-opus", "claude"), ("claude-sonnet", "claude"), ("flash", "flash-group"))
