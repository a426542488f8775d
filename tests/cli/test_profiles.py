"""`proxycast profiles`, and `proxycast route explain`, which says what they mean."""

from __future__ import annotations

import pytest

from addons.config.home import Home
from addons.pool.standing import Standing, State
from addons.pool.standing_store import StandingStore

SECRET = "sk-" + "test-0123456789"


@pytest.fixture
def three(done) -> None:
    for name in ("a", "b", "c"):
        done("credentials", "add", "openai", "--name", name, given=SECRET)


def order(read, model: str, *options: str) -> list[tuple[str, str]]:
    return [(row["credential"], row["asked_for"]) for row in read("route", "explain", model, *options)]


def test_a_profile_tries_its_credentials_in_order(three, done, read):
    done("profiles", "add", "work", "--use", "c,a")
    done("profiles", "use", "work")
    assert order(read, "gpt-5.5") == [("c", "gpt-5.5"), ("a", "gpt-5.5")]


def test_a_profile_asks_for_its_own_model(three, done, read):
    done("profiles", "add", "work", "--use", "a", "--model", "gpt-5.5")
    assert order(read, "claude-opus", "--profile", "work") == [("a", "gpt-5.5")]


def test_models_are_mapped_by_pattern_and_family(three, done, read):
    done("profiles", "add", "work", "--use", "a", "--map", "haiku=gpt-5-mini", "--map", "gemini-*=gpt-4.1")
    asked = {model: order(read, model, "--profile", "work")[0][1] for model in ("claude-haiku-4-5", "gemini-3", "x")}
    assert asked == {"claude-haiku-4-5": "gpt-5-mini", "gemini-3": "gpt-4.1", "x": "x"}


@pytest.mark.parametrize(("options", "asked"), [([], []), (["--take-over"], ["b"])])
def test_a_banned_accounts_work_is_its_siblings_only_on_request(three, done, read, home: Home, options, asked):
    done("profiles", "add", "work", "--use", "a,b", *options)
    store = StandingStore(home.state)
    store.save([("a", Standing(State.OUT_OF_SERVICE, "account closed", 0.0, 1.0, banned=True))])
    store.close()
    rows = read("route", "explain", "gpt-5.5", "--profile", "work")
    assert [row["credential"] for row in rows if row["order"]] == asked


def test_equals_are_joined_by_a_plus(three, done, read):
    done("profiles", "add", "work", "--use", "a+b,c")
    shown = next(row for row in read("profiles", "list") if row["name"] == "work")
    assert shown["use"] == ["a+b", "c"]


def test_the_active_profile_is_marked(done, read):
    done("profiles", "add", "work", "--use", "demo")
    assert {row["name"]: row["active"] for row in read("profiles", "list")} == {"default": True, "work": False}
    done("profiles", "use", "work")
    assert {row["name"]: row["active"] for row in read("profiles", "list")} == {"work": True}


def test_a_profile_without_a_list_names_nobody_and_says_so_to_people(done, read):
    assert [row["use"] for row in read("profiles", "list")] == [[]]
    assert "(all that serve the model)" in done("profiles", "list")


def test_the_users_comments_stay(done, home: Home):
    home.ensure()
    home.config.write_text("# mine\n[failover]\nmax_attempts = 3 # enough\n", encoding="utf-8")
    done("profiles", "add", "work", "--use", "demo")
    done("profiles", "use", "work")
    text = home.config.read_text("utf-8")
    assert "# mine" in text
    assert "max_attempts = 3 # enough" in text


def test_without_a_credential_the_demo_answers_and_it_is_said_why(read):
    (row,) = read("route", "explain", "any-model")
    assert (row["credential"], row["provider"]) == ("demo", "demo")
    assert "no credential is configured" in row["why"]


def test_a_model_that_nobody_serves_says_what_to_do(three, refused):
    said = refused("route", "explain", "claude-opus")
    assert "no credential serves the model 'claude-opus'" in said
    assert "proxycast credentials add" in said


MISTAKES = {
    "an unknown credential": (("add", "work", "--use", "x"), 1, "there is no credential 'x'"),
    "an empty list": (("add", "work", "--use", ","), 2, "comma separated"),
    "half a mapping": (("add", "work", "--use", "demo", "--map", "haiku"), 2, "PATTERN=MODEL"),
    "using one that is not there": (("use", "work"), 1, "there is no profile 'work'"),
    "removing one that is not there": (("remove", "work"), 1, "there is no profile 'work'"),
    "removing the active one": (("remove", "default"), 1, "is active"),
}


@pytest.mark.parametrize(("arguments", "status", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(refused, arguments, status, said):
    assert said in refused("profiles", *arguments, status=status)


def test_a_profile_that_a_key_is_pinned_to_stays(done, refused, read):
    done("profiles", "add", "work", "--use", "demo")
    done("keys", "create", "ci", "--profile", "work")
    assert "'ci' is pinned to 'work'" in refused("profiles", "remove", "work")
    done("keys", "remove", "ci")
    done("profiles", "remove", "work")
    assert [row["name"] for row in read("profiles", "list")] == ["default"]


def test_a_broken_file_is_named_and_left_alone(done, refused, home: Home):
    home.ensure()
    home.config.write_text("[gateway\n", encoding="utf-8")
    assert "not valid TOML" in refused("profiles", "add", "work", "--use", "demo")
    assert home.config.read_text("utf-8") == "[gateway\n"


def test_how_equals_share_the_work_is_chosen_and_shown(three, done, read, command):
    done("profiles", "add", "work", "--use", "a+b", "--strategy", "round_robin")
    assert {row["name"]: row["strategy"] for row in read("profiles", "list")} == {
        "default": "priority",
        "work": "round_robin",
    }
    assert "'nobody' is not one of" in command("profiles", "add", "x", "--use", "a", "--strategy", "nobody").stderr
