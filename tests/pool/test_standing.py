"""The states of a credential: what leads into each, what leads out, and that the cause is kept."""

import pytest

from addons.pool.standing import BACKOFF, FAILURES, NO_CREDIT, PROBES, REFUSALS, Standing, Standings, State
from addons.providers.quota import Quota
from translators.canonical.errors import ErrorInfo, ErrorKind


def error(kind: ErrorKind, message: str = "why", retry_after: float | None = None) -> ErrorInfo:
    return ErrorInfo(kind, message, retry_after=retry_after)


def state(standings: Standings, model: str = "m", now: float = 0.0) -> tuple[State, str, float] | None:
    found = standings.of("a", model, now)
    return None if found is None else (found.state, found.cause, found.until)


def test_a_true_wait_cools_that_model_for_as_long() -> None:
    standings = Standings()
    standings.failed("a", "m", error(ErrorKind.RATE_LIMIT, "slow down", 30), 100)
    assert state(standings, now=129) == (State.COOLING, "slow down", 130)
    assert state(standings, now=131) is None
    assert state(standings, "other", now=101) is None


def test_without_a_word_the_wait_is_short_and_grows_and_success_forgets_it() -> None:
    standings, now = Standings(), 0.0
    for wait in (*BACKOFF, BACKOFF[-1]):
        standings.failed("a", "m", error(ErrorKind.RATE_LIMIT), now)
        assert state(standings, now=now) == (State.COOLING, "why", now + wait)
        now += wait + 1
    standings.succeeded("a", "m", now)
    standings.failed("a", "m", error(ErrorKind.RATE_LIMIT), now)
    assert state(standings, now=now) == (State.COOLING, "why", now + BACKOFF[0])


def test_a_shorter_word_does_not_shorten_a_longer_rest() -> None:
    standings = Standings()
    standings.failed("a", "m", error(ErrorKind.RATE_LIMIT, "long", 60), 0)
    standings.failed("a", "m", error(ErrorKind.RATE_LIMIT, "short", 5), 1)
    assert state(standings, now=30) == (State.COOLING, "long", 60)


def test_without_credit_the_whole_credential_rests() -> None:
    standings = Standings()
    standings.failed("a", "m", error(ErrorKind.BILLING, "no credit"), 0)
    assert state(standings, "any", now=1) == (State.COOLING, "no credit", NO_CREDIT)


@pytest.mark.parametrize("kind", [ErrorKind.SERVER, ErrorKind.OVERLOADED, ErrorKind.TIMEOUT])
def test_failures_in_a_row_make_unhealthy_and_a_probe_brings_back(kind: ErrorKind) -> None:
    standings = Standings()
    for _ in range(FAILURES - 1):
        standings.failed("a", "m", error(kind), 0)
    assert state(standings) is None
    standings.failed("a", "m", error(kind, "down"), 0)
    assert state(standings) == (State.UNHEALTHY, "down", PROBES[0])
    assert standings.due_probes(PROBES[0] - 1) == []
    assert standings.due_probes(PROBES[0]) == ["a"]
    standings.probed("a", well=False, now=PROBES[0])
    assert state(standings, now=11) == (State.UNHEALTHY, "down", PROBES[0] + PROBES[1])
    standings.probed("a", well=True, now=60)
    assert state(standings, now=60) is None


def test_a_service_in_trouble_that_says_when_to_come_again_is_left_alone_so_long() -> None:
    standings = Standings()
    info = ErrorInfo(ErrorKind.OVERLOADED, "busy", 529, retry_after=20)
    standings.failed("a", "m", info, 0)
    assert state(standings, now=1) == (State.COOLING, "busy", 20)
    assert state(standings, "another", now=1) is None
    assert state(standings, now=20) is None
    for _ in range(FAILURES - 1):
        standings.failed("a", "m", info, 20)
    assert state(standings, "another", now=21) == (State.UNHEALTHY, "busy", 20 + PROBES[0])


def test_a_success_in_between_breaks_the_row() -> None:
    standings = Standings()
    for _ in range(FAILURES * 2):
        standings.failed("a", "m", error(ErrorKind.SERVER), 0)
        standings.succeeded("a", "m", 0)
    assert state(standings) is None


def test_a_refused_secret_is_out_of_service_until_the_user_ends_it() -> None:
    standings = Standings()
    standings.failed("a", "m", error(ErrorKind.AUTHENTICATION), 0)
    assert state(standings) is None
    standings.failed("a", "m", error(ErrorKind.AUTHENTICATION, "revoked"), 0)
    assert state(standings, "any", now=1e9) == (State.OUT_OF_SERVICE, "revoked", 0)
    standings.succeeded("a", "m", 5)
    standings.failed("a", "m", error(ErrorKind.BILLING), 5)
    assert state(standings, now=6) == (State.OUT_OF_SERVICE, "revoked", 0)
    standings.enabled("a", 7)
    assert state(standings, now=7) is None


def test_a_ban_is_at_once() -> None:
    standings = Standings()
    standings.banned("a", "account closed", 3)
    assert state(standings) == (State.OUT_OF_SERVICE, "account closed", 0)


@pytest.mark.parametrize(
    "kind",
    [
        ErrorKind.INVALID_REQUEST,
        ErrorKind.PROMPT_TOO_LONG,
        ErrorKind.TOO_LARGE,
        ErrorKind.NOT_FOUND,
        ErrorKind.PERMISSION,
    ],
)
def test_what_is_about_the_request_benches_nobody(kind: str) -> None:
    standings = Standings()
    for _ in range(10):
        standings.failed("a", "m", error(ErrorKind(kind)), 0)
    assert state(standings) is None
    assert standings.changes == []


def test_every_change_is_told_once_and_can_be_restored() -> None:
    standings = Standings()
    standings.failed("a", "m", error(ErrorKind.RATE_LIMIT, "slow", 9), 1)
    standings.banned("b", "closed", 2)
    other = Standings()
    for name, standing in standings.changes:
        other.restore(name, standing)
    assert list(other.all(3)) == list(standings.all(3)) and len(list(other.all(3))) == 2
    other.restore("b", Standing(State.ACTIVE))
    assert other.of("b", "m", 3) is None


def quota(model: str | None, resets: float, remaining: float = 0.0) -> Quota:
    return Quota("requests", remaining, 50.0, resets, model, "left")


def test_a_spent_limit_rests_whom_it_is_about_until_it_is_whole() -> None:
    standings = Standings()
    standings.spent("a", [quota("m", 60)], 0)
    assert state(standings, now=1) == (State.COOLING, "0 of 50 requests left (left)", 60)
    assert state(standings, "other", now=1) is None
    standings.spent("a", [quota(None, 90)], 1)
    assert state(standings, "other", now=2) == (State.COOLING, "0 of 50 requests left (left)", 90)
    assert state(standings, now=91) is None


def test_an_answer_to_an_older_request_does_not_end_a_rest() -> None:
    standings = Standings()
    standings.spent("a", [quota("m", 60)], 10)
    standings.succeeded("a", "m", 12, began=9)
    assert state(standings, now=13) is not None
    standings.succeeded("a", "m", 15, began=14)
    assert state(standings, now=16) is None


@pytest.mark.parametrize(
    ("scope", "retry_after", "quotas", "whose", "until"),
    [
        ("", None, [quota("m", 40)], "m", 40),  # the model's limit, until its true reset
        ("", 7, [quota("m", 40)], "m", 7),  # what the provider says in so many words comes first
        ("", 7, [quota(None, 40)], None, 40),  # the account's is not over before its reset
        ("", 70, [quota(None, 40)], None, 70),
        ("", 7, [quota("m", 90), quota(None, 40)], None, 40),
        ("", None, [], "m", BACKOFF[0]),
        ("", 7, [], "m", 7),
        ("account", 7, [], None, 7),
        ("model", 7, [], "m", 7),
    ],
)
def test_a_429_is_the_models_or_the_accounts(
    scope: str, retry_after: float | None, quotas: list[Quota], whose: str | None, until: float
) -> None:
    standings = Standings()
    limited = ErrorInfo(ErrorKind.RATE_LIMIT, "slow down", retry_after=retry_after, scope=scope)
    standings.failed("a", "m", limited, 0, quotas)
    ((_, standing),) = standings.all(0)
    assert (standing.model, standing.until) == (whose, until)
    assert standing.cause.startswith("slow down")


def test_a_429_about_one_request_benches_nobody() -> None:
    standings = Standings()
    too_large = ErrorInfo(ErrorKind.RATE_LIMIT, "Request too large", retry_after=9, scope="request")
    standings.failed("a", "m", too_large, 0, [quota(None, 40)])
    assert list(standings.all(0)) == []


@pytest.mark.parametrize("kind", [ErrorKind.AUTHENTICATION, ErrorKind.PERMISSION])
def test_what_a_table_calls_a_ban_is_one_at_once(kind: ErrorKind) -> None:
    standings = Standings()
    standings.failed("a", "m", ErrorInfo(kind, "account closed", out_of_service=True), 3)
    assert state(standings, "any") == (State.OUT_OF_SERVICE, "account closed", 0)


def test_another_login_brings_back_what_only_its_login_ended() -> None:
    standings = Standings()
    standings.banned("a", "the login is over", 5, basis="first login")
    standings.banned("b", "account closed", 5)
    assert standings.over_logins(6) == [("a", "first login")]
    standings.enabled("a", 7)
    assert standings.over_logins(8) == []
    assert state(standings) is None


@pytest.mark.parametrize("well", [True, False])
def test_a_probe_that_comes_late_says_nothing_of_what_happened_since(well: bool):
    standings = Standings()
    standings.banned("a", "account closed", 5.0)
    standings.probed("a", well=well, now=9.0)
    standing = standings.of("a", "m", 10.0)
    assert standing is not None
    assert (standing.state, standing.cause) == (State.OUT_OF_SERVICE, "account closed")


@pytest.mark.parametrize(
    ("error", "times", "state"),
    [
        (ErrorInfo(ErrorKind.SERVER, "boom", 500), FAILURES, State.UNHEALTHY),
        (ErrorInfo(ErrorKind.AUTHENTICATION, "wrong key", 401), REFUSALS, State.OUT_OF_SERVICE),
    ],
)
def test_who_is_brought_back_elsewhere_begins_anew(error: ErrorInfo, times: int, state: State):
    """By the user's command, or by another gateway's probe."""
    standings = Standings()
    for _ in range(2):
        for number in range(times):
            assert standings.of("a", "m", float(number)) is None
            standings.failed("a", "m", error, float(number))
        found = standings.of("a", "m", float(times))
        assert found is not None and found.state is state
        standings.restore("a", Standing(State.ACTIVE))
