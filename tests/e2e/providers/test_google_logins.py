"""Google logins through a running gateway: expiry, every kind of refusal, bans, projects, hosts, cut streams, files."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.pairs.speaking import Outcome, Wish
from tests.e2e.pairs.talking import SPEAKERS, ask, post
from tests.e2e.stage import Stage
from tests.standin import Scenario, Turn
from tests.standin.antigravity import AntigravityStandIn
from tests.standin.failures import cut_after, status
from tests.standin.google_internal import REFRESH, SECRET, GoogleStandIn, error, help_link, info, retry
from tests.standin.script import Call

from .conftest import ROOT, credential
from .kinds import KINDS

pytestmark = pytest.mark.e2e

GOOGLE = ("gemini_oauth", "antigravity gemini", "antigravity claude")
CLAUDE = "antigravity claude"
NUMBERS = itertools.count(1)
HI = Wish(history=[SPEAKERS["anthropic"].user("Hi")])
BANNED = "Gemini has been disabled in this account for violation of Terms of Service."


@dataclasses.dataclass
class Door:
    """A client key for credentials of its own, of which the first is at `backend`."""

    on: Stage
    backend: GoogleStandIn
    names: list[str]

    def post(self, wish: Wish = HI, client: str = "anthropic") -> Any:
        return post(self.on, SPEAKERS[client], "door", wish)

    def state(self, number: int = 0) -> tuple[str, str]:
        """→ (state, cause) of a credential, as the command shows them."""
        rows = json.loads(self.on.gateway.command("credentials", "list", "--json"))
        (row,) = [row for row in rows if row["name"] == self.names[number]]
        return row["state"], row["cause"] or ""


@pytest.fixture
def opened(at: dict[str, Stage]) -> Iterator[Any]:
    """`opened(KIND, OTHER_KIND…)`: a door with a new credential for each, which are tried in order."""
    used: list[GoogleStandIn] = []

    def make(*kinds: str, secret: str | None = None, **settings: Any) -> Door:
        """`settings` and `secret` are those of the first."""
        shared = at[ROOT]
        names: list[str] = []
        for kind in kinds:
            made = credential(f"google-{next(NUMBERS)}", KINDS[kind], at[kind].backend)
            more = {**made.settings, "models": {"*": KINDS[kind].model}}
            if not names:
                more = {name: value for name, value in {**more, **settings}.items() if value is not None}
                made = dataclasses.replace(made, secret=made.secret if secret is None else secret)
            names.append(shared.add(dataclasses.replace(made, settings=more)))
        backend = at[kinds[0]].backend
        assert isinstance(backend, GoogleStandIn)
        used.append(backend)
        return Door(shared.beside(backend, {"door": shared.key(*names)}), backend, names)

    yield make
    for backend in used:
        backend.be_new()


def login(expires_in: float, **fields: str) -> str:
    made = {"access_token": "access-0", "refresh_token": REFRESH, "client_secret": SECRET, **fields}
    return json.dumps({**made, "expires_at": time.time() + expires_in})


@pytest.fixture(autouse=True)
def new_backends(at: dict[str, Stage]) -> None:
    for kind in GOOGLE:
        backend = at[kind].backend
        assert isinstance(backend, GoogleStandIn)
        backend.be_new()


# -- the login


@pytest.mark.parametrize("kind", GOOGLE)
def test_an_expired_login_is_renewed_once_for_all_who_wait(opened: Any, kind: str):
    door = opened(kind, secret=login(-10, refresh_token=f"{REFRESH}-of-{kind}"))
    door.backend.token = "none is good"
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: door.post().status_code, range(20)))
    assert statuses == [200] * 20
    assert sum(form["refresh_token"] == f"{REFRESH}-of-{kind}" for form in door.backend.forms) == 1
    asked = door.backend.calls("generateContent")
    assert len({seen.headers["authorization"] for seen in asked}) == 1


@pytest.mark.parametrize("kind", GOOGLE)
def test_a_token_that_is_withdrawn_is_renewed_within_the_request(opened: Any, kind: str):
    door = opened(kind)
    assert door.post().status_code == 200
    door.backend.token = "withdrawn"
    assert door.post().status_code == 200
    assert door.backend.grants >= 1


@pytest.mark.parametrize("kind", GOOGLE)
def test_a_token_that_is_refused_when_the_account_is_asked_for_is_renewed_as_well(opened: Any, kind: str):
    door = opened(kind)
    door.backend.token = "withdrawn before the first request"
    assert door.post().status_code == 200
    assert door.backend.grants >= 1


def test_a_login_that_is_over_ends_its_credential_and_the_next_one_answers(opened: Any):
    door = opened("antigravity gemini", "anthropic_compatible", secret=login(-10, refresh_token="revoked"))
    assert door.post().status_code == 200
    state, cause = door.state()
    assert state == "out_of_service" and "invalid_grant" in cause


def test_gemini_clis_own_file_is_found_used_and_renewed_in_place(at: dict[str, Stage], opened: Any):
    stage, kind = at[ROOT], KINDS["gemini_oauth"]
    folder = stage.gateway.home / ".gemini"
    folder.mkdir(exist_ok=True)
    file = folder / "oauth_creds.json"
    kept = {"scope": "a b", "token_type": "Bearer", "id_token": "old-id", "another": ["tool's own"]}
    made = {"access_token": "old", "refresh_token": REFRESH, "expiry_date": 1_000_000_000_000, **kept}
    file.write_text(json.dumps(made, indent=2))
    found = json.loads(stage.gateway.command("credentials", "discover", "--json"))
    (row,) = [row for row in found if row["place"] == str(file)]
    assert (row["provider"], row["state"]) == ("gemini_oauth", "ready")
    door = opened("gemini_oauth", secret=json.dumps({"client_secret": SECRET}), creds_file_path=str(file))
    door.backend.token = "none is good"
    assert door.post().status_code == 200
    now = json.loads(file.read_text())
    assert (now["refresh_token"], now["another"]) == (REFRESH, ["tool's own"])
    assert now["access_token"] in door.backend.valid
    assert 3_500_000 < now["expiry_date"] - time.time() * 1000 < 3_700_000
    assert file.read_text().startswith('{\n  "'), "its form stays"
    assert kind.provider == "gemini_oauth"
    file.unlink()


def test_without_a_client_secret_the_client_is_told_what_its_owner_can_do(opened: Any):
    secret = json.dumps({"access_token": "old", "refresh_token": "of another", "expires_at": time.time() - 10})
    answer = opened("antigravity gemini", secret=secret).post()
    assert answer.status_code >= 500 and "--set client_secret=" in answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", GOOGLE)
def test_one_signs_in_from_the_command_and_asks_at_once(at: dict[str, Stage], opened: Any, kind: str):
    door, known = opened(kind), KINDS[kind]
    name, url = f"signed-in-{next(NUMBERS)}", door.backend.url
    settings = {n: str(v).format(url=url) for n, v in {**known.settings, "client_secret": SECRET}.items()}
    options = [part for item in settings.items() for part in ("--set", "=".join(item))]
    login_ = ("credentials", "login", known.provider, "--name", name, "--paste", "--accept-terms", "--json", *options)
    told = json.loads(at[ROOT].gateway.command(*login_, secret=f"{door.backend.code}\n"))
    assert (told["name"], told["problem"]) == (name, None)
    assert told["settings"]["account"] == "someone@example.com" and told["settings"]["plan"] == "Standard-Tier"
    assert "project" not in told["settings"] and SECRET not in json.dumps(told)
    key = at[ROOT].key(name, model=known.model)
    answer = post(at[ROOT].beside(door.backend, {"new": key}), SPEAKERS["anthropic"], "new", HI)
    assert answer.status_code == 200, answer.text


# -- refusals


def body(*details: Any, text: str = "refused", code: int = 429, word: str = "RESOURCE_EXHAUSTED") -> Any:
    return error(code, word, text, *details)


LIMITS = {
    "rate limit": body(info("RATE_LIMIT_EXCEEDED"), retry("3s")),
    "rate limit in words": body(text="You have exhausted your capacity on this model. Your quota will reset after 3s."),
    "used up": body(info("QUOTA_EXHAUSTED", quotaResetDelay="1h16m0.667s")),
    "no capacity": body(info("MODEL_CAPACITY_EXHAUSTED")),
    "credits": body(info("INSUFFICIENT_G1_CREDITS_BALANCE")),
    "none of it": body(text="Quota exceeded, limit: 0"),
    "a list": [body(info("QUOTA_EXHAUSTED"), retry("60s"))],
    "no details": body(),
}


@pytest.mark.parametrize("kind", ["gemini_oauth", CLAUDE])
@pytest.mark.parametrize("form", LIMITS)
def test_after_each_429_the_next_candidate_answers(opened: Any, kind: str, form: str):
    door = opened(kind, "anthropic_compatible")
    door.backend.fail_next(1, status(429, body=LIMITS[form]))
    assert door.post().status_code == 200
    assert door.state()[0].partition(" ")[0] in ("active", "cooling")


def test_models_that_share_an_allowance_rest_together_and_others_do_not(opened: Any):
    door = opened("antigravity gemini", "anthropic_compatible", models=None)
    wish = dataclasses.replace(HI, model="claude-sonnet-4-5")
    door.backend.fail_next(1, status(429, body=LIMITS["used up"]))
    assert door.post(wish).status_code == 200
    before = len(door.backend.calls("generateContent"))
    assert door.post(dataclasses.replace(HI, model="claude-opus-4-6")).status_code == 200
    assert len(door.backend.calls("generateContent")) == before, "it is known to be used up"
    assert door.post(dataclasses.replace(HI, model="gemini-3-flash")).status_code == 200
    assert len(door.backend.calls("generateContent")) == before + 1


@pytest.mark.parametrize("kind", GOOGLE)
def test_a_ban_ends_its_credential_at_once_and_another_provider_answers(opened: Any, kind: str):
    door = opened(kind, "anthropic_compatible")
    banned = status(403, body=body(text=BANNED, code=403, word="PERMISSION_DENIED"))
    door.backend.fail_next(5, banned)
    assert door.post().status_code == 200
    assert len(door.backend.calls("generateContent")) == 1, "not again with another token"
    state, cause = door.state()
    assert state == "out_of_service" and "Terms of Service" in cause
    assert door.post().status_code == 200
    assert len(door.backend.calls("generateContent")) == 1


def test_another_account_of_the_service_does_not_step_in_for_a_banned_one(opened: Any):
    door = opened(CLAUDE, CLAUDE, "anthropic_compatible")
    door.backend.fail_next(1, status(403, body=body(text=BANNED, code=403, word="PERMISSION_DENIED")))
    assert door.post().status_code == 200
    assert len(door.backend.calls("generateContent")) == 1
    assert door.state(1)[0] == "active"


def test_an_account_to_be_verified_rests_and_its_client_is_told_where(opened: Any):
    door = opened("gemini_oauth")
    link = "https://accounts.google.com/verify-me"
    details = [info("VALIDATION_REQUIRED"), help_link(link)]
    door.backend.fail_next(9, status(403, body=body(*details, code=403, word="PERMISSION_DENIED")))
    answer = door.post()
    assert answer.status_code == 403 and link in answer.json()["error"]["message"]
    assert door.state()[0] == "out_of_service"


def test_that_google_ended_it_for_individuals_is_told_to_the_client(opened: Any):
    door = opened("gemini_oauth")
    door.backend.tier = ""
    door.backend.ineligible = [
        {"reasonCode": "UNSUPPORTED_CLIENT", "reasonMessage": "No longer", "tierId": "free-tier"}
    ]
    answer = door.post()
    assert answer.status_code == 403 and "UNSUPPORTED_CLIENT" in answer.json()["error"]["message"]
    assert "provider antigravity" in door.state()[1]


@pytest.mark.parametrize("kind", GOOGLE)
def test_a_project_that_was_moved_is_found_out_anew_within_the_request(opened: Any, kind: str):
    door = opened(kind)
    assert door.post().status_code == 200
    door.backend.project = "moved-2"
    assert door.post().status_code == 200
    assert [seen.body["project"] for seen in door.backend.calls("generateContent")] == [
        "my-project-1",
        "my-project-1",
        "moved-2",
    ]


def test_a_project_that_its_owner_set_is_not_replaced(opened: Any):
    door = opened("gemini_oauth", project="another-9")
    answer = door.post()
    assert answer.status_code == 403 and "another-9" in answer.json()["error"]["message"]
    assert {seen.body["project"] for seen in door.backend.calls("generateContent")} == {"another-9"}


def test_a_signature_that_is_refused_is_mended_once_without_the_thoughts(opened: Any):
    door = opened(CLAUDE)
    speaker = SPEAKERS["anthropic"]
    turn = Turn("Hm.", calls=(Call("run", {"command": "true"}),))
    door.backend.scenario = Scenario((turn,), final="Done")
    wish = Wish(history=[speaker.user("Go")], tools=True, thinking=True)
    answer = ask(door.on, speaker, "door", wish)
    assert answer.thinking == "Hm."
    wish.history += [*answer.items, *speaker.results([(answer.calls[0], Outcome("fine"))])]
    account, door.backend.account = door.backend.account, "another"
    try:
        mended = door.post(wish)
    finally:
        door.backend.account = account
    assert mended.status_code == 200, mended.text
    assert "Invalid `signature`" in str(door.backend.refusals[0].refusal)
    last = door.backend.seen[-1].body["request"]
    assert not any("thought" in part for content in last["contents"] for part in content["parts"])
    assert "thinkingConfig" not in last.get("generationConfig", {})


# -- hosts


@pytest.mark.parametrize("failure", [status(503), status(500), status(429, body=LIMITS["no capacity"])])
def test_the_second_host_is_asked_where_the_first_cannot(at: dict[str, Stage], opened: Any, failure: Any):
    with AntigravityStandIn() as second:
        door = opened("antigravity gemini", fallback_url=second.url)
        assert door.post().status_code == 200
        door.backend.fail_next(1, failure)
        assert door.post().status_code == 200
        assert len(second.calls("generateContent")) == 1
        assert door.state()[0] == "active"


def test_a_host_that_is_gone_is_passed_over(opened: Any):
    with AntigravityStandIn() as second:
        door = opened("antigravity gemini", base_url="http://127.0.0.1:9", fallback_url=second.url)
        assert door.post().status_code == 200
        assert len(second.calls("generateContent")) == 1


# -- streams

LONG = Scenario(final=Turn(text="eins zwei drei vier fünf sechs sieben acht neun zehn"))


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("kind", GOOGLE)
def test_a_stream_that_breaks_off_is_an_error_in_the_clients_form(opened: Any, kind: str, client: str):
    door = opened(kind)
    door.backend.scenario = LONG
    door.backend.fail_next(1, cut_after(4))
    speaker = SPEAKERS[client]
    answer = door.post(Wish(history=[speaker.user("Hi")], stream=True), client)
    assert answer.status_code == 200 and "eins" in answer.text
    assert '"error"' in answer.text and "zehn" not in answer.text


@pytest.mark.parametrize("kind", GOOGLE)
def test_one_that_breaks_off_before_content_is_tried_elsewhere(opened: Any, kind: str):
    door = opened(kind, "anthropic_compatible")
    door.backend.fail_next(1, cut_after(0))
    answer = door.post(dataclasses.replace(HI, stream=True))
    assert answer.status_code == 200 and "Hello" in answer.text


# -- what arrives


def test_a_gemini_clients_contents_arrive_as_they_were_sent(opened: Any):
    door = opened("gemini_oauth")
    contents = [{"role": "user", "parts": [{"text": "Grüße 日本 🎈"}, {"text": " "}]}]
    sent = {"contents": contents, "generationConfig": {"temperature": 1.0, "topK": 40}}
    path = "/v1beta/models/whatever:generateContent"
    answer = door.on.client.post(path, json=sent, headers={"x-goog-api-key": door.on.keys["door"]})
    assert answer.status_code == 200, answer.text
    arrived = door.backend.calls("generateContent")[-1].body["request"]
    assert arrived.pop("session_id") and arrived == sent


@pytest.mark.parametrize("kind", GOOGLE)
@pytest.mark.parametrize("client", ["openai_responses", "openai_chat", "gemini"])
def test_an_answer_in_a_schema(opened: Any, kind: str, client: str):
    door, speaker = opened(kind), SPEAKERS[client]
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = ask(door.on, speaker, "door", Wish(history=[speaker.user("How many?")], schema=schema))
    assert isinstance(json.loads(answer.text)["n"], int)


def test_the_models_that_the_service_names_are_listed(opened: Any, at: dict[str, Stage]):
    stage = at[ROOT]
    name = stage.add(credential(f"listing-{next(NUMBERS)}", KINDS[CLAUDE], at[CLAUDE].backend))
    headers = {"authorization": f"Bearer {stage.key(name)}"}
    names = {model["id"] for model in stage.client.get("/v1/models", headers=headers).json()["data"]}
    assert {"gemini-3.6-flash-high", "claude-opus-4-6-thinking"} <= names
    assert "chat_20706" not in names, "it serves no clients"


def test_what_is_left_can_be_asked_for(opened: Any):
    door = opened(CLAUDE)
    assert door.post().status_code == 200
    shown = json.loads(door.on.gateway.command("credentials", "quota", door.names[0], "--json"))
    assert "claude" in json.dumps(shown)
    assert {"fetchAvailableModels", "retrieveUserQuotaSummary"} <= {seen.method for seen in door.backend.seen}


@pytest.mark.parametrize("kind", GOOGLE)
def test_one_real_request_tests_a_credential(opened: Any, kind: str):
    door = opened(kind)
    shown = door.on.gateway.command("credentials", "test", door.names[0], "--json")
    assert "Hello" in shown
