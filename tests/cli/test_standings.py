"""What gateways learned of credentials, as the commands show it."""

from __future__ import annotations

import time

import pytest

from addons.config.home import Home
from addons.pool.quotas import QuotaStore
from addons.pool.standing import Standing, State
from addons.pool.standing_store import StandingStore
from addons.providers.quota import Quota

SECRET = "sk-" + "test-0123456789abcdef"


@pytest.fixture
def learned(done, home: Home) -> float:
    """Three credentials, one that rests, one that was banned; → the time of it."""
    now = time.time()
    for name in ("resting", "banned", "well"):
        done("credentials", "add", "anthropic", "--name", name, given=SECRET)
    done("profiles", "add", "work", "--use", "resting,banned,well")
    done("profiles", "use", "work")
    store = StandingStore(home.state)
    store.save([("resting", Standing(State.COOLING, "slow down", now + 600, now, "claude-x"))])
    store.save([("banned", Standing(State.OUT_OF_SERVICE, "account closed", 0.0, now))])
    store.close()
    quotas = QuotaStore(home.state)
    quotas.save([("resting", Quota("requests", 0, 50, now + 600, "claude-x", "the-header", now))])
    quotas.close()
    return now


def test_route_explain_orders_as_a_gateway_would(learned, read):
    rows = [
        (row["order"], row["credential"], row["state"], row["cause"]) for row in read("route", "explain", "claude-x")
    ]
    assert rows[0] == (1, "well", "active", None)
    assert rows[1][:2] == (2, "resting") and rows[1][2].startswith("cooling for") and rows[1][3] == "slow down"
    assert rows[2] == (None, "banned", "out_of_service", "account closed")
    other = [row["credential"] for row in read("route", "explain", "claude-y")]
    assert other == ["resting", "well", "banned"], "the rest is of one model alone"


def test_route_explain_says_who_does_not_do_a_banned_accounts_work(learned, read, home: Home):
    store = StandingStore(home.state)
    store.save([("banned", Standing(State.OUT_OF_SERVICE, "account closed", 0.0, learned, banned=True))])
    store.close()
    rows = {row["credential"]: row for row in read("route", "explain", "claude-x")}
    assert [rows[name]["order"] for name in ("resting", "banned", "well")] == [None] * 3
    assert "its provider banned another account" in rows["well"]["why"]
    assert "its provider banned" not in rows["banned"]["why"]


def test_doctor_tells_what_happened_and_what_only_the_owner_can_end(learned, command):
    told = command("doctor").output
    assert "banned is out of service: account closed" in told and "proxycast credentials enable banned" in told
    assert "resting (claude-x) rests until" in told


def test_a_new_secret_begins_anew(learned, read, done):
    def states() -> list[str]:
        return [row["state"] for row in read("credentials", "list") if row["name"] == "banned"]

    done("credentials", "edit", "banned", "--weight", "2")
    assert states() == ["out_of_service"]
    done("credentials", "edit", "banned", "--secret", given=SECRET + "-2")
    assert states() == ["active"]


def test_list_and_show_tell_quotas_to_scripts(learned, read, done):
    rows = {row["name"]: row["quota"] for row in read("credentials", "list")}
    assert rows["well"] == [] and rows["resting"] == read("credentials", "show", "resting")[0]["quota"]
    (quota,) = rows["resting"]
    assert (quota["counts"], quota["remaining"], quota["limit"], quota["model"]) == ("requests", 0, 50, "claude-x")
    (told,) = read("credentials", "quota", "resting")
    assert (told["remaining"], told["source"]) == (0, "the-header")
    done("credentials", "remove", "resting")
    assert read("credentials", "quota") == []


def test_every_state_of_a_credential_is_shown(learned, done, read, home: Home):
    store = StandingStore(home.state)
    store.save([("resting", Standing(State.COOLING, "no tokens left", learned + 300, learned, "claude-y"))])
    store.close()
    row = next(row for row in read("credentials", "list") if row["name"] == "resting")
    assert row["state"] == "cooling (claude-x), 1 more"
    assert [(one["model"], one["cause"]) for one in row["states"]] == [
        ("claude-x", "slow down"),
        ("claude-y", "no tokens left"),
    ]
    shown = done("credentials", "show", "resting")
    assert "claude-y" in shown and "no tokens left" in shown
    assert "cooling (claude-x), 1 more" in done("credentials", "list")


def test_who_changes_one_that_is_out_of_service_is_told_what_ends_that(learned, command):
    said = "note: gateways know banned as out of service; `proxycast credentials enable banned` ends that"
    assert said in command("credentials", "edit", "banned", "--set", "auth=bearer").stderr
    assert "note" not in command("credentials", "edit", "resting", "--priority", "3").stderr
    assert "note" not in command("credentials", "edit", "banned", "--secret", given="another-" + SECRET).stderr
