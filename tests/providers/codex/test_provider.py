"""How requests of the Codex provider go out: whose login, which address, which headers (codex.md §1.1, §4, §5)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from addons.providers import asking, machine
from addons.providers.api import Call, Headers, Operation, Upstream
from addons.providers.codex import PASSED
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.cases import answer
from tests.standin.codex import RATE_LIMITS, CodexStandIn
from tests.standin.codex_logins import ACCOUNT, CLAIM, EMAIL, PLAN, jwt
from tests.standin.codex_tables import HEADERS, body_trouble, header_trouble
from tests.standin.script import Turn
from tests.standin.wire import event
from translators import registry
from translators.canonical.blocks import Text, Thinking
from translators.canonical.errors import TranslationError
from translators.canonical.names import NameMap
from translators.canonical.response import folded

PROVIDER = built_in().get("codex")
BASE = "https://chatgpt.com/backend-api/codex"
ACCESS = jwt({CLAIM: {"chatgpt_account_id": "account-of-the-access-token"}})
IDENTITY = jwt({"email": EMAIL, CLAIM: {"chatgpt_account_id": "account-of-the-id-token", "chatgpt_plan_type": PLAN}})
OWN: Headers = [
    ("user-agent", "codex_cli_rs/0.146.0 (Ubuntu 24.04; x86_64) tmux/3.4"),
    ("originator", "codex_cli_rs"),
    ("session-id", str(uuid.UUID(int=7))),
    ("ChatGPT-Account-Id", "the-clients-own"),
    ("x-codex-turn-state", "turn-1"),
    ("content-type", "application/json"),
    ("accept", "text/event-stream"),
]
BODY: dict[str, Any] = {
    "model": "gpt-5.5",
    "instructions": "You are Codex",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
}


def credential(secret: str = ACCESS, login: object = None, **settings: Any) -> Credential:
    return Credential("c", "codex", secret, {"login": {"account_id": ACCOUNT} if login is None else login, **settings})


def translated(conversation: str = "talk", body: dict[str, Any] | None = None, **settings: Any) -> Upstream:
    headers = [("content-type", "application/json"), ("accept", "application/json"), ("user-agent", "proxycast/0.1")]
    call = Call(Operation.GENERATE, "codex", "gpt-5.5", False, json.dumps(body or BODY).encode(), headers=headers)
    call.translated, call.conversation = True, conversation
    return PROVIDER.build(call, credential(**settings))


def own(body: bytes, operation: Operation = Operation.GENERATE, path: str = "", **settings: Any) -> Upstream:
    call = Call(operation, "openai_responses", "gpt-5.5", True, body, path=path, headers=list(OWN), received=list(OWN))
    return PROVIDER.build(call, credential(**settings))


def lowered(upstream: Upstream) -> dict[str, str]:
    found = {name.lower(): value for name, value in upstream.headers}
    assert len(found) == len(upstream.headers), "a header came twice"
    return found


# -- headers


def test_a_translated_request_has_every_header_of_the_sheet_and_no_other() -> None:
    headers = lowered(translated())
    assert header_trouble(headers, "generate") == ""
    needed = {row.name for row in HEADERS if row.needed}
    assert headers.keys() == needed | {"session-id", "thread-id", "x-client-request-id", "x-codex-window-id"}
    assert headers["authorization"] == f"Bearer {ACCESS}"
    assert headers["chatgpt-account-id"] == ACCOUNT


def test_it_says_the_truth_of_version_system_and_machine() -> None:
    facts = machine.facts()
    agent = lowered(translated(version="0.170.1"))["user-agent"]
    assert agent == f"codex_cli_rs/0.170.1 ({facts['distribution']} {facts['os_version']}; {facts['machine']}) unknown"
    assert re.match(r"codex_cli_rs/\d+\.\d+\.\d+ ", lowered(translated())["user-agent"])


def test_a_conversation_keeps_its_thread_and_its_cache() -> None:
    first, again, other = (translated(talk) for talk in ("talk", "talk", "another"))
    assert lowered(first) == lowered(again)
    assert lowered(first)["thread-id"] != lowered(other)["thread-id"]
    assert json.loads(first.body)["prompt_cache_key"] == lowered(first)["thread-id"]
    assert json.loads(translated(body={**BODY, "prompt_cache_key": "mine"}).body)["prompt_cache_key"] == "mine"


def test_a_request_of_no_conversation_is_a_thread_of_its_own() -> None:
    assert lowered(translated(""))["thread-id"] != lowered(translated(""))["thread-id"]


def test_codex_own_request_goes_out_as_it_came_but_for_the_login() -> None:
    body = json.dumps(BODY, indent=1).encode()
    upstream = own(body)
    assert upstream.body is body and upstream.notes == []
    kept = [(name, value) for name, value in OWN if name != "ChatGPT-Account-Id"]
    assert upstream.headers == [*kept, ("Authorization", f"Bearer {ACCESS}"), ("ChatGPT-Account-ID", ACCOUNT)]


def test_an_account_that_nobody_knows_is_not_taken_from_the_client() -> None:
    assert "chatgpt-account-id" not in lowered(own(json.dumps(BODY).encode(), secret="opaque", login={}))


# -- whose login

LOGINS: dict[str, tuple[dict[str, Any], str]] = {
    "as the owner says": ({"account_id": "mine"}, "mine"),
    "as the file says": ({"login": {"account_id": ACCOUNT, "id_token": IDENTITY}}, ACCOUNT),
    "old files have none": ({"login": {"account_id": None, "id_token": IDENTITY}}, "account-of-the-id-token"),
    "as the access token says": ({"login": {}}, "account-of-the-access-token"),
    "of an id token that is none": ({"login": {"id_token": "a.b.c"}}, "account-of-the-access-token"),
}


@pytest.mark.parametrize("how", LOGINS)
def test_whose_account_it_is(how: str) -> None:
    settings, wanted = LOGINS[how]
    assert lowered(translated(**settings))["chatgpt-account-id"] == wanted


async def test_the_owner_is_shown_whose_login_it_is() -> None:
    async with httpx.AsyncClient() as client:
        known = await PROVIDER.enrol(credential(login={"id_token": IDENTITY}), client)
        assert known == {"email": EMAIL, "plan": PLAN}
        assert await PROVIDER.enrol(credential(secret="opaque", login={}), client) == {}


# -- addresses


def test_where_requests_go() -> None:
    assert translated().url == f"{BASE}/responses"
    assert translated(base_url="https://mirror.example/codex/").url == "https://mirror.example/codex/responses"
    assert own(b"{}", Operation.PASS, "/v1/responses/compact").url == f"{BASE}/responses/compact"
    models = Call(Operation.MODELS, "codex", "", False, b"", method="GET", translated=True)
    assert PROVIDER.build(models, credential(version="1.2.3")).url == f"{BASE}/models?client_version=1.2.3"


@pytest.mark.parametrize("path", ["/v1/files", "/v1/embeddings", "/v1/responses/resp_1"])
def test_endpoints_that_a_login_does_not_have_are_refused(path: str) -> None:
    with pytest.raises(TranslationError, match="API key"):
        own(b"{}", Operation.PASS, path)


@pytest.mark.parametrize("path", sorted(PASSED))
def test_endpoints_beside_the_models_are_for_codex_alone(path: str) -> None:
    assert own(b"{}", Operation.PASS, path).url.startswith(BASE)
    sdk = Call(
        Operation.PASS, "openai_responses", "", False, b"{}", path=path, received=[("user-agent", "OpenAI/Python")]
    )
    with pytest.raises(TranslationError, match="API key"):
        PROVIDER.build(sdk, credential())


@pytest.mark.parametrize(
    ("operation", "agent", "wanted"),
    [
        (Operation.GENERATE, "codex_cli_rs/0.146.0 (Ubuntu 24.04; x86_64)", True),
        (Operation.COUNT_TOKENS, "codex_cli_rs/0.146.0 (Ubuntu 24.04; x86_64)", False),
        (Operation.GENERATE, "OpenAI/Python 3.52.0", False),
    ],
)
def test_who_is_passed_on(operation: Operation, agent: str, wanted: bool) -> None:
    headers = {"originator": "codex_cli_rs", "user-agent": agent}
    assert PROVIDER.passes(operation, headers, {}) is wanted


def test_which_models_it_serves() -> None:
    served = {
        name: PROVIDER.serves(name, credential()) for name in ("gpt-5.6-sol", "codex-auto-review", "gpt-4.1", "o3")
    }
    assert served == {"gpt-5.6-sol": True, "codex-auto-review": True, "gpt-4.1": False, "o3": False}


# -- asking the service


@pytest.fixture
def backend() -> Iterator[CodexStandIn]:
    with CodexStandIn(models=("gpt-5.5", "gpt-5.6-sol")) as made:
        yield made


def at(backend: CodexStandIn) -> Credential:
    tokens = json.loads(backend.login())["tokens"]
    return Credential("c", "codex", tokens["access_token"], {**backend.settings(), "login": tokens})


async def test_its_models_are_listed(backend: CodexStandIn) -> None:
    assert await asking.models(PROVIDER, at(backend)) == ["gpt-5.5", "gpt-5.6-sol"]
    assert [str(request.refusal) for request in backend.refusals] == []


async def test_what_is_left_is_asked_beside_the_base_url(backend: CodexStandIn) -> None:
    (quota,) = await asking.quotas(PROVIDER, at(backend))
    assert (quota.counts, quota.remaining, quota.source) == ("% of the 5-hour window", 75, "wham/usage")
    assert [str(request.refusal) for request in backend.refusals] == []


async def test_one_small_question_shows_that_it_works(backend: CodexStandIn) -> None:
    outcome = await asking.try_out(PROVIDER, at(backend), "gpt-5.5")
    assert (outcome.error, outcome.text) == (None, "Hello")


# -- the wire


def test_an_answer_is_read_wherever_it_is_cut_and_without_the_last_events_output() -> None:
    asked = {**BODY, "reasoning": {"summary": "auto"}}
    whole = answer("openai_responses", asked, Turn(thinking="hm", text="grüße"))
    items = [
        event({"type": "response.output_item.done", "output_index": n, "item": item, "sequence_number": n})
        for n, item in enumerate(whole["output"])
    ]
    last = event({"type": "response.completed", "response": {**whole, "output": []}, "sequence_number": 9})
    stream = b"".join([event(RATE_LIMITS), *items, last])
    for place in range(len(stream)):
        decoder = registry.get("codex").stream_decoder(NameMap())
        found = folded([*decoder.feed(stream[:place]), *decoder.feed(stream[place:]), *decoder.end()])
        assert found.error is None
        assert [block.text for block in found.blocks if isinstance(block, Text | Thinking)] == ["hm", "grüße"]


def test_every_stream_that_is_cut_is_an_error() -> None:
    stream = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r"}}\n\n'
    for place in range(len(stream)):
        decoder = registry.get("codex").stream_decoder(NameMap())
        assert folded([*decoder.feed(stream[:place]), *decoder.end()]).error is not None


@pytest.mark.parametrize("client", ["anthropic", "openai_chat", "gemini"])
def test_a_foreign_clients_request_fits_the_services_table(client: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "anthropic": {
            "model": "m",
            "max_tokens": 100,
            "system": "Be brief.",
            "temperature": 0.5,
            "thinking": {"type": "enabled", "budget_tokens": 8000},
            "tools": [{"name": "mcp__server__" + "x" * 80, "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "any"},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}
            ],
        },
        "openai_chat": {
            "model": "m",
            "max_tokens": 9,
            "stop": ["x"],
            "response_format": {"type": "json_object"},
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "Hi"}],
        },
        "gemini": {
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": {"topK": 3, "thinkingConfig": {"thinkingBudget": 0}},
        },
    }
    request = registry.get(client).decode_request(bodies[client], model="gpt-5.6-sol", stream=False)
    target = PROVIDER.target("codex", "gpt-5.6-sol", credential())
    encoded = registry.get("codex").encode_request(request, target)
    upstream = translated(body={**encoded.body, "model": "gpt-5.6-sol"})
    sent = json.loads(upstream.body)
    assert body_trouble(sent) == ""
    if client == "anthropic":
        assert sent["instructions"] == "Be brief." and sent["reasoning"]["effort"] == "medium"
        assert len(sent["tools"][0]["name"]) <= 64
        assert encoded.names.client(sent["tools"][0]["name"]) == "mcp__server__" + "x" * 80
