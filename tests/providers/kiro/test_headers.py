"""What goes out, compared with the tables of the sheet: addresses and headers by generation, client and kind of login
(kiro.md §1.5, §2.4, §4, §5)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from addons.providers import machine
from tests.standin.kiro import ARN
from tests.standin.kiro_headers import CURRENT, HEADERS, LEGACY, TOKEN_TYPES, Header, client_of, header_faults
from tests.standin.kiro_rules import body_faults

from .stage import KIRO, NATIVE, asked, credential, upstream

Json = dict[str, Any]
KEY = "ksk_" + "k" * 24
LOGINS: dict[str, Json] = {
    "social": {"auth_method": "social", "provider": "Google", "profile_arn": ARN},
    "idc": {"auth_method": "IdC", "provider": "BuilderId", "profile_arn": ARN},
    "external": {"auth_method": "external_idp", "provider": "ExternalIdp", "profile_arn": ARN},
    "api_key": {},
}


def sent(kind: str, generation: str, client: str, **more: Any) -> tuple[str, dict[str, str], Json]:
    """→ address, headers by lower-case name, body."""
    secret = KEY if kind == "api_key" else "an-access-token"
    settings = {"generation": generation, "client": client, "profile_arn": ARN, **more}
    known = credential(secret, LOGINS[kind], **settings)
    made = upstream(asked(), NATIVE, known)
    names = [name.lower() for name, _ in made.headers]
    assert len(set(names)) == len(names), "no header twice"
    return made.url, {name.lower(): value for name, value in made.headers}, json.loads(made.body)


@pytest.mark.parametrize("client", ["ide", "cli"])
@pytest.mark.parametrize("generation", [CURRENT, LEGACY])
@pytest.mark.parametrize("kind", LOGINS)
def test_every_header_is_the_official_clients(kind: str, generation: str, client: str) -> None:
    _, headers, _ = sent(kind, generation, client)
    played = "ide" if generation == LEGACY else client
    assert list(header_faults(HEADERS["generate", generation, played], headers)) == []
    wanted = TOKEN_TYPES[kind, played]
    assert headers.get("tokentype") == (None if generation == LEGACY and wanted == "SSO_OIDC" else wanted)
    assert client_of(headers) == played
    assert not {"accept", "accept-encoding"} & headers.keys()


@pytest.mark.parametrize(("call", "row"), [(call, row) for call, rows in HEADERS.items() for row in rows], ids=str)
def test_the_tables_refuse_what_is_missing_or_other(call: tuple[str, str, str], row: Header) -> None:
    rows = HEADERS[call]
    assert any(row.name in fault for fault in header_faults(rows, {row.name: "something else"}))
    assert any(row.name in fault for fault in header_faults(rows, {})) is row.needed
    assert list(header_faults(rows, {"x-of-nobody": "x"}))[-1].startswith("x-of-nobody"), "and what they do not know"


@pytest.mark.parametrize(
    ("generation", "client", "session"),
    [(CURRENT, "ide", False), (CURRENT, "cli", True), (LEGACY, "ide", False), (LEGACY, "cli", False)],
)
def test_the_clis_conversations_are_sessions(generation: str, client: str, session: bool) -> None:
    body = sent("social", generation, client)[2]
    assert list(body_faults(body, generation)) == []
    assert body["conversationState"]["conversationId"].startswith("sess_") is session


def test_the_machine_is_this_one_and_always_the_same() -> None:
    agents = {sent(kind, CURRENT, "ide")[1]["user-agent"] for kind in LOGINS for _ in range(2)}
    assert len(agents) == 1
    (agent,) = agents
    assert agent.endswith(machine.machine_id())
    assert f"os/{machine.facts()['os']}#{machine.facts()['os_release']} " in agent
    own = sent("social", CURRENT, "ide", machine_id="a" * 64)[1]["user-agent"]
    assert own.endswith("a" * 64), "a login brought from another machine may keep its own"


def test_only_ids_of_requests_differ_between_two_calls() -> None:
    first, second = sent("idc", CURRENT, "ide")[1], sent("idc", CURRENT, "ide")[1]
    assert {name for name in first if first[name] != second[name]} == {"amz-sdk-invocation-id"}


def test_accounts_of_amazons_own_say_so() -> None:
    known = credential("t", {"auth_method": "IdC", "provider": "Internal", "profile_arn": ARN})
    assert ("redirect-for-internal", "true") in upstream(asked(), NATIVE, known).headers
    assert "redirect-for-internal" not in sent("idc", CURRENT, "ide")[1]


def test_who_shares_content_says_so() -> None:
    assert sent("social", CURRENT, "ide")[1]["x-amzn-codewhisperer-optout"] == "true"
    assert sent("social", CURRENT, "ide", optout="false")[1]["x-amzn-codewhisperer-optout"] == "false"


EUROPE = ARN.replace("us-east-1", "eu-central-1")
ADDRESSES: list[tuple[Json, Json, str]] = [
    ({}, {}, "https://runtime.us-east-1.kiro.dev/"),
    ({"profile_arn": EUROPE}, {}, "https://runtime.eu-central-1.kiro.dev/"),
    ({"profile_arn": EUROPE, "region": "us-east-1"}, {"region": "us-west-2"}, "https://runtime.eu-central-1.kiro.dev/"),
    ({}, {"region": "eu-central-1"}, "https://runtime.eu-central-1.kiro.dev/"),
    ({"region": "ap-south-1"}, {}, "https://runtime.us-east-1.kiro.dev/"),
    ({"profile_arn": "arn:aws:codewhisperer:evil.example/x:1:profile/A"}, {}, "https://runtime.us-east-1.kiro.dev/"),
    ({}, {"region": "evil.example/"}, "https://runtime.us-east-1.kiro.dev/"),
    (
        {"profile_arn": EUROPE},
        {"generation": "legacy"},
        "https://q.eu-central-1.amazonaws.com/generateAssistantResponse",
    ),
    ({}, {"base_url": "https://mirror.example/k/"}, "https://mirror.example/k/"),
    ({}, {"base_url": "https://m.example", "generation": "legacy"}, "https://m.example/generateAssistantResponse"),
]


@pytest.mark.parametrize(("login", "settings", "url"), ADDRESSES)
def test_where_a_request_goes(login: Json, settings: Json, url: str) -> None:
    assert upstream(asked(), NATIVE, credential("t", login, **settings)).url == url


@pytest.mark.parametrize(
    ("login", "generation", "named"),
    [
        ({"provider": "BuilderId", "profile_arn": ARN, "auth_method": "IdC"}, CURRENT, True),
        ({"provider": "BuilderId", "profile_arn": ARN, "auth_method": "IdC"}, LEGACY, False),
        ({"start_url": "https://view.awsapps.com/start", "profile_arn": ARN}, LEGACY, False),
        ({"provider": "Google", "profile_arn": ARN}, LEGACY, True),
    ],
)
def test_the_profile_is_named_where_it_is_wanted(login: Json, generation: str, named: bool) -> None:
    body = json.loads(upstream(asked(), NATIVE, credential("t", login, generation=generation)).body)
    assert ("profileArn" in body) is named


@pytest.mark.parametrize(
    ("login", "settings", "client"),
    [
        ({"auth_method": "social"}, {}, "ide"),
        ({"auth_method": "social", "client": "cli"}, {}, "cli"),
        ({"auth_method": "social"}, {"creds_file_path": "~/.local/share/kiro-cli/data.sqlite3"}, "cli"),
        ({"auth_method": "social", "client": "cli"}, {"client": "ide"}, "ide"),
    ],
)
def test_it_is_the_client_that_the_login_comes_from(login: Json, settings: Json, client: str) -> None:
    headers = {n.lower(): v for n, v in upstream(asked(), NATIVE, credential("t", login, **settings)).headers}
    assert client_of(headers) == client


def test_every_row_of_the_profile_names_its_source() -> None:
    profile = KIRO.manifest.header_profile
    assert profile is not None
    assert all(re.match(r"kiro\.md §\d", row.source) for row in profile.data.rows)
