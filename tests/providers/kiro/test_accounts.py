"""Accounts at a service as strict as the sheet: renewals of every kind of login, profiles, what is left, models
(kiro.md §1, §2, §5.4, §9)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from addons.providers import asking
from addons.providers.api import UnavailableError
from addons.providers.kiro.limits import quotas
from addons.providers.kiro.profiles import Profiles
from addons.vault.credential import Credential
from addons.vault.oauth import RefreshError
from addons.vault.tokens import Token
from tests.standin.kiro import ARN, EMAIL, KiroStandIn
from tests.standin.kiro_logins import CLIENT_ID, CLIENT_SECRET
from translators.canonical.errors import ErrorInfo, ErrorKind

from .stage import KIRO

Json = dict[str, Any]
REGISTERED = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
EXTERNAL = {"client_id": "external-client", "scopes": "openid offline_access", "provider": "ExternalIdp"}


@pytest.fixture(scope="module")
def running() -> Iterator[KiroStandIn]:
    with KiroStandIn(models=("claude-sonnet-4.5", "auto")) as made:
        yield made


@pytest.fixture
def kiro(running: KiroStandIn) -> KiroStandIn:
    running.reset()
    running.more_profiles, running.suspended, running.generation = (), False, "current"
    running.logins.trouble.clear()
    return running


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as made:
        yield made


def login(kiro: KiroStandIn, kind: str, **more: Any) -> Token:
    told = json.loads(kiro.login(kind, **more))
    access, refresh, _ = (told.pop(name) for name in ("access_token", "refresh_token", "expires_at"))
    return Token(access, refresh, 1.0, told)


def settings(kiro: KiroStandIn, path: str, **more: str) -> Credential:
    return Credential("one", "kiro", "", {"token_url": kiro.url + path, **more})


def ready(kiro: KiroStandIn, kind: str = "social", **more: Any) -> Credential:
    """As the refresher hands it over."""
    token = login(kiro, kind, **more)
    places = {"base_url": kiro.url, "management_url": kiro.url}
    return Credential("one", "kiro", token.access, {**places, "login": token.extra})


# -- renewals

RENEWALS: dict[str, tuple[str, str, Json]] = {
    "social, of the IDE": ("social", "/refreshToken", {}),
    "social, of the CLI": ("social", "/refreshToken", {"client": "cli"}),
    "Identity Center, of the IDE": ("idc", "/token", {"auth_method": "IdC", **REGISTERED}),
    "Identity Center, of the CLI": ("idc", "/token", {"auth_method": "idc", "client": "cli", **REGISTERED}),
    "Builder ID as third parties write it": ("idc", "/token", {"auth_method": "builder-id", **REGISTERED}),
    "an organisation's own": ("external", "/external/token", {"auth_method": "external_idp", **EXTERNAL}),
    "an organisation's own, scopes as a list": (
        "external",
        "/external/token",
        {"auth_method": "external_idp", **EXTERNAL, "scopes": ["openid", "offline_access"]},
    ),
}


@pytest.mark.parametrize("case", RENEWALS)
async def test_each_kind_of_login_is_renewed_in_its_own_way(
    kiro: KiroStandIn, client: httpx.AsyncClient, case: str
) -> None:
    kind, path, more = RENEWALS[case]
    old = login(kiro, kind, **more)
    new = await KIRO.renew(old, settings(kiro, path), client)
    assert kiro.logins.access[new.access] == kind
    assert new.refresh == old.refresh if kind == "idc" else kiro.logins.refresh[new.refresh] == kind
    assert new.expires == pytest.approx(time.time() + 3600, abs=60)
    assert new.extra == old.extra, "the rest of the login stays as it was"
    assert [request.status for request in kiro.requests] == [200]


async def test_a_profile_that_a_renewal_tells_is_kept(kiro: KiroStandIn, client: httpx.AsyncClient) -> None:
    old = replace(login(kiro, "social"), extra={"auth_method": "social"})
    assert (await KIRO.renew(old, settings(kiro, "/refreshToken"), client)).extra["profile_arn"] == ARN


@pytest.mark.parametrize(
    ("kind", "path", "more", "answer", "final"),
    [
        ("social", "/refreshToken", {}, (400, {"error": "invalid_grant"}), True),
        ("social", "/refreshToken", {}, (401, {"message": "Bad credentials"}), True),
        ("social", "/refreshToken", {}, (403, {"message": "Forbidden"}), False),
        ("social", "/refreshToken", {}, (429, {"message": "Slow down"}), False),
        ("social", "/refreshToken", {}, (500, {}), False),
        ("idc", "/token", REGISTERED, (400, {"error": "invalid_grant"}), True),
        ("idc", "/token", REGISTERED, (401, {"error": "invalid_client"}), True),
        ("idc", "/token", REGISTERED, (400, {"error": "expired_token"}), True),
        ("idc", "/token", REGISTERED, (400, {"error": "access_denied"}), True),
        ("idc", "/token", REGISTERED, (400, {"error": "slow_down"}), False),
        ("external", "/external/token", EXTERNAL, (400, {"error": "invalid_grant"}), True),
    ],
)
async def test_what_ends_a_login_and_what_passes(
    kiro: KiroStandIn, client: httpx.AsyncClient, kind: str, path: str, more: Json, answer: Any, final: bool
) -> None:
    kiro.logins.trouble.append(answer)
    with pytest.raises(RefreshError) as caught:
        await KIRO.renew(login(kiro, kind, **more), settings(kiro, path), client)
    assert caught.value.final is final


@pytest.mark.parametrize(
    ("kind", "more", "refresh", "why"),
    [
        ("social", {}, "aorAAAAAG...shortened" + "x" * 120, "shortened"),
        ("social", {}, "short", "shortened"),
        ("idc", {"auth_method": "IdC"}, "r" * 120, "registration"),
        ("external", {"token_endpoint": "http://idp.example/token"}, "r", "https|is not sent"),
        ("external", {"auth_method": "external_idp"}, "r", "nowhere"),
    ],
)
async def test_what_cannot_be_renewed_is_told_without_asking(
    kiro: KiroStandIn, client: httpx.AsyncClient, kind: str, more: Json, refresh: str, why: str
) -> None:
    token = Token("a", refresh, 1.0, {"auth_method": kind, **more})
    with pytest.raises(RefreshError, match=why) as caught:
        await KIRO.renew(token, Credential("one", "kiro"), client)
    assert caught.value.final and not kiro.requests


# -- profiles


async def test_a_profile_that_the_login_does_not_tell_is_asked_for_once(kiro: KiroStandIn) -> None:
    known = ready(kiro, profile_arn="")
    found = await asyncio.gather(*(KIRO.acquire(known) for _ in range(20)))
    assert {one.setting("profile_arn") for one in found} == {ARN}
    assert await KIRO.acquire(found[0]) is found[0], "nothing is due any more"
    assert len(kiro.requests) == 1 and kiro.refusals == []


async def test_another_login_has_another_profile(kiro: KiroStandIn) -> None:
    await KIRO.acquire(ready(kiro, profile_arn=""))
    await KIRO.acquire(ready(kiro, profile_arn=""))
    assert len(kiro.requests) == 2


@pytest.mark.parametrize("kind", ["social", "external", "api_key"])
async def test_every_kind_of_login_may_ask(kiro: KiroStandIn, kind: str) -> None:
    known = ready(kiro, kind, profile_arn="", auth_method={"external": "external_idp"}.get(kind, kind))
    if kind == "api_key":
        key = "ksk_" + "k" * 24
        kiro.logins.access[key] = "api_key"
        known = replace(known, secret=key)
    assert (await KIRO.acquire(known)).setting("profile_arn") == ARN
    assert kiro.refusals == []


async def test_the_old_hosts_want_no_profile(kiro: KiroStandIn) -> None:
    known = ready(kiro, profile_arn="")
    known = replace(known, settings={**known.settings, "generation": "legacy"})
    assert await KIRO.acquire(known) is known and not kiro.requests


async def test_an_account_that_is_locked_is_known_before_it_is_asked_for_anything(kiro: KiroStandIn) -> None:
    kiro.suspended = True
    known = ready(kiro, profile_arn="")
    with pytest.raises(UnavailableError) as caught:
        await KIRO.acquire(known)
    assert caught.value.info.out_of_service
    with pytest.raises(UnavailableError):
        await KIRO.acquire(known)
    assert len(kiro.requests) == 1, "and not asked again and again"


async def test_a_failure_to_learn_it_stands_for_a_while() -> None:
    clock, asked = [0.0], []

    async def ask(credential: Credential) -> str:
        asked.append(credential.name)
        if len(asked) == 1:
            raise UnavailableError(ErrorInfo(ErrorKind.SERVER, "no"))
        return ARN

    book = Profiles(ask, lambda: clock[0])
    known = Credential("one", "kiro", "token")
    for clock[0] in (0.0, 29.0):
        with pytest.raises(UnavailableError):
            await book.arn(known)
    clock[0] = 31.0
    assert await book.arn(known) == ARN and len(asked) == 2


async def test_a_service_that_cannot_be_reached_is_said(unused_url: str = "http://127.0.0.1:9") -> None:
    known = Credential("one", "kiro", "a-token", {"management_url": unused_url, "login": {"auth_method": "social"}})
    with pytest.raises(UnavailableError, match="cannot be asked for its profile"):
        await KIRO.acquire(known)


# -- what a new credential is told


async def test_a_new_credential_learns_whose_it_is(kiro: KiroStandIn, client: httpx.AsyncClient) -> None:
    assert await KIRO.enrol(ready(kiro), client) == {"account": EMAIL, "plan": "KIRO PRO"}
    learned = await KIRO.enrol(ready(kiro, profile_arn=""), client)
    assert learned == {"profile_arn": ARN, "account": EMAIL, "plan": "KIRO PRO"}
    assert kiro.refusals == []


@pytest.mark.parametrize("chosen", ["", ARN, ARN.replace("ABC", "GONE")])
async def test_of_several_profiles_the_chosen_one_is_kept(
    kiro: KiroStandIn, client: httpx.AsyncClient, chosen: str
) -> None:
    kiro.more_profiles = ("second", "third")
    first = ARN.replace("ABCDEF", "OTHER")
    known = ready(kiro, profile_arn="")
    known = replace(known, settings={**known.settings, "profile_arn": chosen, "quota_url": f"{kiro.url}/nowhere"})
    wanted = ARN if chosen == ARN else first
    assert await KIRO.enrol(known, client) == {"profile_arn": wanted}, "also where its usage may not be asked for"
    asked = [request for request in kiro.requests if request.path == "/nowhere"]
    assert asked[0].query["profileArn"] == wanted


async def test_the_old_hosts_are_not_asked_for_a_profile(kiro: KiroStandIn, client: httpx.AsyncClient) -> None:
    kiro.generation = "legacy"
    known = ready(kiro, profile_arn="")
    known = replace(known, settings={**known.settings, "generation": "legacy"})
    assert await KIRO.enrol(known, client) == {"account": EMAIL, "plan": "KIRO PRO"}
    assert [request.path for request in kiro.requests] == ["/getUsageLimits"]


@pytest.mark.parametrize("locked", [True, False])
async def test_a_login_that_cannot_be_used_is_none_to_keep(
    kiro: KiroStandIn, client: httpx.AsyncClient, locked: bool
) -> None:
    known = ready(kiro)
    kiro.suspended = locked
    if not locked:
        known = replace(known, secret="another-token")
    with pytest.raises(UnavailableError) as caught:
        await KIRO.enrol(known, client)
    assert caught.value.info.out_of_service is locked


@pytest.mark.parametrize("generation", ["current", "legacy"])
async def test_what_is_left_is_told(kiro: KiroStandIn, client: httpx.AsyncClient, generation: str) -> None:
    kiro.generation = generation
    known = ready(kiro)
    known = replace(known, settings={**known.settings, "generation": generation})
    (quota,) = await KIRO.quotas(known, client)
    # plan, active trial and active bonus: 1000 + 500 + 100, of which 250.5 + 400.5 + 10 are used
    assert (quota.counts, quota.limit, quota.remaining) == ("credits", 1600.0, 939.0)
    assert (quota.resets, quota.model, quota.source) == (kiro.reset_at, None, "getUsageLimits")
    assert kiro.refusals == []


async def test_quotas_may_be_asked_elsewhere(kiro: KiroStandIn, client: httpx.AsyncClient) -> None:
    known = ready(kiro)
    known = replace(known, settings={**known.settings, "management_url": "", "quota_url": f"{kiro.url}/getUsageLimits"})
    assert len(await KIRO.quotas(known, client)) == 1


BREAKDOWNS: dict[str, tuple[Json, list[tuple[str, float, float | None]]]] = {
    "older servers": (
        {"usageBreakdown": [{"resourceType": "VIBE", "currentUsage": 3, "usageLimit": 10}]},
        [("vibe", 7.0, 10.0)],
    ),
    "two of them": (
        {
            "usageBreakdownList": [
                {"displayName": "Vibe", "currentUsage": 10, "usageLimit": 10},
                {"displayName": "Spec", "currentUsage": 12, "usageLimit": 10},
            ]
        },
        [("vibe", 0.0, 10.0), ("spec", 0.0, 10.0)],
    ),
    "a trial that is over": (
        {
            "usageBreakdownList": [
                {
                    "displayName": "C",
                    "currentUsage": 1,
                    "usageLimit": 5,
                    "freeTrialInfo": {"freeTrialStatus": "EXPIRED", "usageLimit": 500, "currentUsage": 0},
                }
            ]
        },
        [("c", 4.0, 5.0)],
    ),
    "more may be charged": (
        {
            "overageConfiguration": {"overageStatus": "ENABLED"},
            "usageBreakdownList": [
                {"displayName": "C", "currentUsage": 5, "usageLimit": 5, "overageCap": 100, "currentOverages": 40}
            ],
        },
        [("c", 60.0, 105.0)],
    ),
    "without an end": (
        {
            "overageConfiguration": {"overageStatus": "ENABLED"},
            "usageBreakdownList": [{"displayName": "C", "currentUsage": 5, "usageLimit": 5}],
        },
        [],
    ),
    "nonsense": ({"usageBreakdownList": [None, {"usageLimit": "many"}, {}], "bonuses": 3}, []),
    "nothing": ({}, []),
}


@pytest.mark.parametrize("case", BREAKDOWNS)
def test_what_remains_is_worked_out(case: str) -> None:
    told, wanted = BREAKDOWNS[case]
    assert [(quota.counts, quota.remaining, quota.limit) for quota in quotas(told, 5.0)] == wanted


async def test_the_models_of_the_account_are_listed(kiro: KiroStandIn) -> None:
    assert await asking.models(KIRO, ready(kiro)) == ["claude-sonnet-4.5", "auto"]
    assert kiro.refusals == []
