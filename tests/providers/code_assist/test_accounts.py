"""Tiers, projects, limits, hosts, and why an account is not taken (gemini_code_assist.md §4, antigravity.md §2, §4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from addons.providers import antigravity as antigravity_provider
from addons.providers import gemini_oauth
from addons.providers.api import Call, Factory, Operation, Provider, UnavailableError
from addons.providers.code_assist.provider import HOST, InternalApi
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.antigravity import AntigravityStandIn
from tests.standin.code_assist import CodeAssistStandIn
from tests.standin.google_internal import GoogleStandIn, error, help_link, info
from translators.canonical.errors import ErrorInfo, ErrorKind

FACTORIES: dict[str, Factory] = {"gemini_oauth": gemini_oauth.create, "antigravity": antigravity_provider.create}
_REGISTRY = built_in()
MANIFESTS = {name: _REGISTRY.get(name).manifest for name in FACTORIES}


@pytest.fixture(scope="module")
def code_assist() -> Iterator[CodeAssistStandIn]:
    with CodeAssistStandIn() as made:
        yield made


@pytest.fixture(scope="module")
def antigravity() -> Iterator[AntigravityStandIn]:
    with AntigravityStandIn() as made:
        yield made


@pytest.fixture(params=["gemini_oauth", "antigravity"])
def service(
    request: pytest.FixtureRequest, code_assist: CodeAssistStandIn, antigravity: AntigravityStandIn
) -> GoogleStandIn:
    return fresh(code_assist if request.param == "gemini_oauth" else antigravity)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


def fresh[S: GoogleStandIn](standin: S) -> S:
    standin.be_new()
    standin.reset()
    return standin


def provider(standin: GoogleStandIn) -> Provider:
    """A new one, which knows of no account yet, and does not wait between polls."""
    name = "gemini_oauth" if isinstance(standin, CodeAssistStandIn) else "antigravity"
    made = FACTORIES[name](MANIFESTS[name])
    assert isinstance(made, InternalApi)
    made.dialect = replace(made.dialect, pause=0.0)
    return made


def credential(standin: GoogleStandIn, **settings: Any) -> Credential:
    known = {"base_url": standin.url, "userinfo_url": f"{standin.url}/userinfo", **settings}
    return Credential("mine", "x", standin.token, known)


async def project(standin: GoogleStandIn, **settings: Any) -> str:
    """What a request would name."""
    service = provider(standin)
    ready = await service.acquire(credential(standin, **settings))
    assert isinstance(service, InternalApi)
    return service.project(ready)


async def refusal(standin: GoogleStandIn, **settings: Any) -> ErrorInfo:
    with pytest.raises(UnavailableError) as caught:
        await project(standin, **settings)
    return caught.value.info


async def test_the_project_that_the_service_names_is_used(service: GoogleStandIn):
    assert await project(service) == "my-project-1"
    assert [seen.method for seen in service.seen] == ["loadCodeAssist"]


async def test_the_owners_project_goes_before_it_and_nobody_is_asked(service: GoogleStandIn):
    assert await project(service, project="mine-2") == "mine-2"
    assert service.seen == []


async def test_a_projects_number_is_refused_with_a_word_about_its_id(service: GoogleStandIn):
    assert "project's id is wanted" in (await refusal(service, project="1234567890")).message
    assert service.seen == []


async def test_an_account_without_a_tier_is_onboarded_to_the_default_one(service: GoogleStandIn):
    service.tier, service.project, service.polls = "", "", 3
    assert await project(service) == "made-project-1"
    assert service.calls("onboardUser")[0].body.get("tierId", service.calls("onboardUser")[0].body.get("tier_id")) == (
        "free-tier"
    )


async def test_the_free_tier_is_onboarded_without_a_project(code_assist: CodeAssistStandIn, monkeypatch: Any):
    fresh(code_assist).tier = ""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "set-outside")
    assert await project(code_assist) == "my-project-1", "what it was given"
    load, onboard = code_assist.seen
    assert load.body["cloudaicompanionProject"] == load.body["metadata"]["duetProject"] == "set-outside"
    assert "cloudaicompanionProject" not in onboard.body


async def test_an_operation_that_is_never_done_is_told_and_may_pass(service: GoogleStandIn):
    service.tier, service.project, service.polls = "", "", 1000
    found = await refusal(service)
    assert found.kind is ErrorKind.SERVER and "try again" in found.message and not found.out_of_service


async def test_a_licence_without_a_project_asks_its_owner_for_one(code_assist: CodeAssistStandIn):
    fresh(code_assist).project = ""
    found = await refusal(code_assist)
    assert "credentials edit mine --set project=ID" in found.message


async def test_a_licence_without_a_project_takes_the_one_that_gemini_cli_would(
    code_assist: CodeAssistStandIn, monkeypatch: Any
):
    fresh(code_assist).project = ""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "123456")
    assert "set the id" in (await refusal(code_assist)).message, "a number is none"
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "set-outside")
    assert await project(code_assist) == "set-outside"


async def test_a_tier_that_is_not_free_is_onboarded_with_the_owners_project(
    code_assist: CodeAssistStandIn, monkeypatch: Any
):
    standin = fresh(code_assist)
    standin.tier, standin.offers = "", [{"id": "standard-tier", "isDefault": True}]
    assert "set the id" in (await refusal(standin)).message
    assert standin.calls("onboardUser") == []
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "set-outside")
    assert await project(standin)
    (onboard,) = standin.calls("onboardUser")
    assert (onboard.body["tierId"], onboard.body["cloudaicompanionProject"]) == ("standard-tier", "set-outside")


async def test_antigravity_makes_a_project_where_the_tier_has_none(antigravity: AntigravityStandIn):
    fresh(antigravity).project = ""
    assert await project(antigravity) == "made-project-1"


@pytest.mark.parametrize("as_object", [True, False])
async def test_a_project_is_a_text_or_an_object(antigravity: AntigravityStandIn, as_object: bool):
    fresh(antigravity).project_is_object = as_object
    assert await project(antigravity) == "my-project-1"


def ineligible(code: str, **more: str) -> dict[str, str]:
    return {"reasonCode": code, "reasonMessage": "This is why", "tierId": "free-tier", "tierName": "Free", **more}


async def test_that_google_ended_it_for_individuals_is_said_with_what_to_do(code_assist: CodeAssistStandIn):
    standin = fresh(code_assist)
    standin.tier, standin.ineligible = "", [ineligible("UNSUPPORTED_CLIENT")]
    found = await refusal(standin)
    assert found.out_of_service and found.code == "UNSUPPORTED_CLIENT"
    for words in ("This is why", "2026-06-18", "provider antigravity", "API key"):
        assert words in found.message
    assert len(standin.seen) == 1, "no onboarding"


@pytest.mark.parametrize(
    "code",
    ["DASHER_USER", "INELIGIBLE_ACCOUNT", "NON_USER_ACCOUNT", "RESTRICTED_AGE", "RESTRICTED_NETWORK", "UNKNOWN"],
)
async def test_an_account_that_is_not_taken_says_why(service: GoogleStandIn, code: str):
    service.tier, service.ineligible = "", [ineligible(code)]
    found = await refusal(service)
    assert found.out_of_service and code in found.message and "This is why" in found.message


async def test_an_account_to_be_verified_says_where(service: GoogleStandIn):
    link = "https://accounts.google.com/verify"
    service.tier = ""
    service.ineligible = [ineligible("VALIDATION_REQUIRED", validationUrl=link, validationErrorMessage="Verify it")]
    found = await refusal(service)
    assert found.out_of_service and link in found.message and "Verify it" in found.message


async def test_another_tier_that_is_refused_does_not_matter_to_one_that_is_there(service: GoogleStandIn):
    service.ineligible = [ineligible("UNSUPPORTED_CLIENT")]
    assert await project(service) == "my-project-1"


async def test_an_organisation_behind_service_controls_carries_on_with_its_project(
    code_assist: CodeAssistStandIn, monkeypatch: Any
):
    standin = fresh(code_assist)
    standin.trouble["loadCodeAssist"] = 403, error(403, "PERMISSION_DENIED", "no", info("SECURITY_POLICY_VIOLATED"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "theirs-1")
    assert await project(standin) == "theirs-1"
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    assert "loadCodeAssist was refused" in (await refusal(standin)).message


async def test_a_refusal_of_the_service_is_judged_like_any_other(service: GoogleStandIn):
    details = [info("VALIDATION_REQUIRED"), help_link("https://accounts.google.com/verify")]
    service.trouble["loadCodeAssist"] = 403, error(403, "PERMISSION_DENIED", "Verify your account", *details)
    found = await refusal(service)
    assert found.out_of_service and "https://accounts.google.com/verify" in found.message


async def test_fifty_requests_at_once_ask_once(service: GoogleStandIn):
    made = provider(service)
    await asyncio.gather(*(made.acquire(credential(service)) for _ in range(50)))
    assert len(service.seen) == 1
    await made.acquire(credential(service))
    assert len(service.seen) == 1, "and it is remembered"


async def test_one_credentials_trouble_is_not_anothers(service: GoogleStandIn):
    made = provider(service)
    service.trouble["loadCodeAssist"] = 500, error(500, "INTERNAL", "?")
    with pytest.raises(UnavailableError):
        await made.acquire(credential(service))
    service.trouble.clear()
    other = replace(credential(service), name="other")
    assert (await made.acquire(other)).settings["found_project"] == "my-project-1"


async def test_after_a_failure_the_service_is_left_alone_for_a_while_but_another_token_is_tried(
    service: GoogleStandIn,
):
    made = provider(service)
    service.trouble["loadCodeAssist"] = 500, error(500, "INTERNAL", "?")
    for _ in range(5):
        with pytest.raises(UnavailableError):
            await made.acquire(credential(service))
    assert len(service.seen) == 1
    service.trouble.clear()
    service.token = "another"
    assert (await made.acquire(credential(service))).settings["found_project"] == "my-project-1"


async def test_a_project_that_proved_wrong_is_found_out_anew_once(service: GoogleStandIn):
    made = provider(service)
    used = await made.acquire(credential(service))
    service.project = "moved-2"
    no = ErrorInfo(ErrorKind.PERMISSION, "Permission denied on resource project my-project-1", 403)
    again = made.again(used, no)
    assert again is not None
    ready = await made.acquire(again)
    assert ready.settings["found_project"] == "moved-2"
    assert made.again(ready, no) is None
    own = credential(service, project="set-by-hand")
    assert made.again(own, no) is None, "what its owner set stays"
    banned = ErrorInfo(ErrorKind.PERMISSION, "disabled", 403, out_of_service=True)
    assert made.again(used, banned) is None


NEXT_HOST = {
    "not reached": (ErrorInfo(ErrorKind.SERVER, "cannot connect"), True),
    "500": (ErrorInfo(ErrorKind.SERVER, "?", 500), True),
    "503": (ErrorInfo(ErrorKind.OVERLOADED, "?", 503), True),
    "404": (ErrorInfo(ErrorKind.NOT_FOUND, "?", 404), True),
    "no capacity": (ErrorInfo(ErrorKind.RATE_LIMIT, "No capacity available for model", 429), True),
    "used up": (ErrorInfo(ErrorKind.RATE_LIMIT, "used up", 429), False),
    "none of it": (ErrorInfo(ErrorKind.NOT_FOUND, "limit: 0", 429), False),
    "400": (ErrorInfo(ErrorKind.INVALID_REQUEST, "?", 400), False),
    "401": (ErrorInfo(ErrorKind.AUTHENTICATION, "?", 401), False),
    "nothing was sent": (ErrorInfo(ErrorKind.SERVER, "?", 503, code="login_not_renewed"), False),
    "its account was not found": (ErrorInfo(ErrorKind.SERVER, "?", 503, type="discovery"), False),
}


@pytest.mark.parametrize("row", NEXT_HOST)
def test_the_next_host_is_asked_for_what_may_be_the_first_ones_fault(row: str):
    info_, wanted = NEXT_HOST[row]
    made = FACTORIES["antigravity"](MANIFESTS["antigravity"])
    used = Credential("mine", "antigravity", "t", {"project": "p-1"})
    assert made.base_url("antigravity", used) == "https://daily-cloudcode-pa.googleapis.com"
    again = made.again(used, info_)
    assert (again is not None) is wanted
    if again is not None:
        assert made.base_url("antigravity", again) == "https://cloudcode-pa.googleapis.com"
        assert made.again(again, info_) is None, "there are two"
    assert FACTORIES["gemini_oauth"](MANIFESTS["gemini_oauth"]).again(used, info_) is None, "it has one host"


def test_an_owners_address_stands_alone_or_before_the_second_that_they_gave():
    made = FACTORIES["antigravity"](MANIFESTS["antigravity"])
    alone = Credential("mine", "antigravity", "t", {"base_url": "https://mirror.example/"})
    assert made.again(alone, NEXT_HOST["500"][0]) is None
    two = replace(alone, settings={**alone.settings, "fallback_url": "https://second.example"})
    again = made.again(two, NEXT_HOST["500"][0])
    assert again is not None and again.settings[HOST] == 1
    assert made.base_url("antigravity", again) == "https://second.example"


async def test_discovery_too_goes_to_the_next_host(antigravity: AntigravityStandIn, code_assist: CodeAssistStandIn):
    fresh(antigravity)
    dead = "http://127.0.0.1:9"
    assert await project(antigravity, base_url=dead, fallback_url=antigravity.url) == "my-project-1"
    found = await refusal(antigravity, base_url=dead)
    assert found.kind is ErrorKind.SERVER and dead in found.message


async def test_a_login_is_not_sent_over_plain_http_to_another_machine(service: GoogleStandIn):
    assert "https is wanted" in (await refusal(service, base_url="http://mirror.example")).message


async def test_what_is_learned_when_it_is_added(service: GoogleStandIn):
    made = provider(service)
    ready = await made.acquire(credential(service))
    async with httpx.AsyncClient(trust_env=False) as client:
        learned = await made.enrol(ready, client)
    assert learned == {"account": "someone@example.com", "plan": "Standard-Tier"}
    assert len(service.calls("loadCodeAssist")) == 1


async def test_code_assists_quota_is_that_of_its_buckets(code_assist: CodeAssistStandIn):
    fresh(code_assist)
    made = provider(code_assist)
    ready = await made.acquire(credential(code_assist))
    async with httpx.AsyncClient(trust_env=False) as client:
        pro, flash = await made.quotas(ready, client)
    assert (pro.counts, pro.remaining, pro.limit, pro.model) == ("% of requests", 25.0, 100.0, "gemini-2.5-pro")
    assert pro.resets > 4e9 and pro.share == 0.25
    assert (flash.counts, flash.remaining, flash.limit, flash.resets) == ("requests", 90.0, 100.0, 0.0)


async def test_antigravitys_quota_is_that_of_the_models_that_share_it(antigravity: AntigravityStandIn):
    del fresh(antigravity).available["models"]["gemini-pro-agent"]["quotaInfo"]["remainingFraction"]  # nothing is left
    made = provider(antigravity)
    ready = await made.acquire(credential(antigravity))
    async with httpx.AsyncClient(trust_env=False) as client:
        told = await made.quotas(ready, client)
    shares = {quota.model: quota.share for quota in told if quota.source == "fetchAvailableModels"}
    assert shares == {"claude": 0.4, "gemini-flash": 1.0, "gemini-pro": 0.0, "chat_20706": 1.0}
    assert made.limited_as("claude-opus-4-6") == "claude" and made.limited_as("gemini-3.1-pro-high") == "gemini-pro"
    for_people = {(quota.model, quota.counts) for quota in told if quota.source == "retrieveUserQuotaSummary"}
    assert for_people == {("Claude and GPT", "% of weekly allowance"), ("Claude and GPT", "% of 5h allowance")}
    antigravity.trouble["retrieveUserQuotaSummary"] = 404, error(404, "NOT_FOUND", "?")
    async with httpx.AsyncClient(trust_env=False) as client:
        assert len(await made.quotas(ready, client)) == 4


async def test_a_model_that_was_renamed_goes_under_its_new_name(antigravity: AntigravityStandIn):
    fresh(antigravity)
    made = provider(antigravity)
    ready = await made.acquire(credential(antigravity))
    async with httpx.AsyncClient(trust_env=False) as client:
        await made.quotas(ready, client)
    call = Call(
        Operation.GENERATE, "antigravity", "gemini-3-flash-preview", False, b'{"contents": []}', translated=True
    )
    assert json.loads(made.build(call, ready).body)["model"] == "gemini-3-flash"
