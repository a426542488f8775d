"""iFlow's inference: headers, signature and bodies by the tables of iflow.md, and what its errors mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addons.providers.api import Call, Operation, Provider, UnavailableError, Upstream
from addons.providers.iflow.body import mended
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.iflow import HEADERS, of_body, of_headers
from translators import registry
from translators.canonical.errors import ErrorKind

PROVIDER: Provider = built_in().get("iflow")
KEY = "sk-1-" + "standin"
LOGIN = Credential("i", "iflow", KEY, {"login": {"oauth_token": "oauth-0"}})
HELLO = {"role": "user", "content": "Hi"}
SDK = [("User-Agent", "OpenAI/Python 2"), ("Accept", "application/json"), ("session-id", "the-clients-own")]


def built(body: dict[str, Any], *, translated: bool = True, headers: Any = (), conversation: str = "c-1") -> Upstream:
    call = Call(
        Operation.GENERATE,
        "openai_chat",
        str(body.get("model", "glm-5")),
        bool(body.get("stream")),
        json.dumps(body).encode(),
        path="/v1/chat/completions",
        headers=[("content-type", "application/json"), *headers],
        translated=translated,
        conversation=conversation,
    )
    return PROVIDER.build(call, LOGIN)


def names(upstream: Upstream) -> dict[str, str]:
    found = {name.lower(): value for name, value in upstream.headers}
    assert len(found) == len(upstream.headers), "a header is sent twice"
    return found


# -- headers, field by field (§4)


@pytest.mark.parametrize("translated", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_the_headers_are_those_of_the_sheet_and_signed(stream: bool, translated: bool):
    found = names(built({"messages": [HELLO], "stream": stream}, translated=translated, headers=SDK))
    assert set(HEADERS) <= set(found)
    assert of_headers(found, KEY, stream) == ""


def test_a_conversation_is_one_session_and_a_request_of_none_its_own():
    sessions = [names(built({"messages": [HELLO]}, conversation=c))["session-id"] for c in ("a", "a", "b", "", "")]
    assert sessions[0] == sessions[1]
    assert len(set(sessions)) == 4


def test_iflow_cli_itself_keeps_what_it_says_of_itself_and_is_signed_anew():
    session = "session-0f8fad5b-d9cb-469f-a165-70867728950e"
    own = [
        ("User-Agent", "iFlowCLI/9.9.9 (linux; x64)"),
        ("session-id", session),
        ("x-iflow-timestamp", "1"),
        ("x-iflow-signature", "of another key"),
        ("accept", "text/event-stream"),
    ]
    found = names(built({"messages": [HELLO], "stream": True}, translated=False, headers=own))
    assert (found["user-agent"], found["session-id"]) == ("iFlowCLI/9.9.9 (linux; x64)", session)
    assert of_headers(found, KEY, True) == ""


def test_another_clients_headers_are_not_signed():
    found = names(built({"messages": [HELLO]}, translated=False, headers=SDK))
    assert found["session-id"].startswith("session-")
    assert found["user-agent"].startswith("iFlowCLI/")


# -- bodies (§4)

ASKED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "GLM, nothing said": ("glm-5", {}, {}),
    "GLM, effort": (
        "glm-4.6",
        {"reasoning_effort": "high"},
        {"chat_template_kwargs": {"enable_thinking": True, "clear_thinking": False}},
    ),
    "GLM, off": (
        "GLM-4.7",
        {"reasoning_effort": "none"},
        {"chat_template_kwargs": {"enable_thinking": False, "clear_thinking": False}},
    ),
    "GLM, thinking": (
        "glm-5",
        {"thinking": {"type": "enabled"}},
        {"chat_template_kwargs": {"enable_thinking": True, "clear_thinking": False}},
    ),
    "GLM, thinking off": (
        "glm-5",
        {"thinking": {"type": "disabled"}},
        {"chat_template_kwargs": {"enable_thinking": False, "clear_thinking": False}},
    ),
    "GLM, in its own way": (
        "glm-5",
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": {"enable_thinking": False, "clear_thinking": False}},
    ),
    "MiniMax": ("minimax-m2.5", {"reasoning_effort": "low"}, {"reasoning_split": True}),
    "MiniMax, off": ("minimax-m2.1", {"enable_thinking": False}, {"reasoning_split": False}),
    "Qwen thinks by itself": ("qwen3-max", {"reasoning_effort": "high", "enable_thinking": True}, {}),
    "DeepSeek thinks by itself": ("deepseek-r1", {"thinking": {"type": "enabled"}, "thinking_budget": 9}, {}),
    "no empty list of tools": ("kimi-k2", {"tools": []}, {}),
}


@pytest.mark.parametrize(("model", "given", "made"), ASKED.values(), ids=ASKED)
def test_how_each_family_is_asked(model: str, given: dict[str, Any], made: dict[str, Any]):
    body = {"model": model, "messages": [HELLO]}
    found = mended({**body, **given}, model)
    assert found == {**body, **made}
    assert of_body(found) == ""


@pytest.mark.parametrize(
    ("model", "kept"), [("glm-4.6", True), ("glm-4.7", True), ("minimax-m2.5", True), ("glm-5", False)]
)
def test_reasoning_goes_back_to_the_models_that_want_it(model: str, kept: bool):
    said = {"role": "assistant", "content": "x", "reasoning_content": "thought"}
    found = mended({"model": model, "messages": [HELLO, said]}, model)
    assert ("reasoning_content" in found["messages"][1]) is kept
    assert of_body(found) == ""


@pytest.mark.parametrize("model", PROVIDER.manifest.known_models)
@pytest.mark.parametrize("effort", [None, "high"])
def test_a_translated_body_is_what_the_service_takes(model: str, effort: str | None):
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    history = [HELLO, {"role": "assistant", "content": [thought, {"type": "text", "text": "x"}]}, HELLO]
    body: dict[str, Any] = {"model": model, "max_tokens": 9, "stream": True, "messages": history}
    if effort:
        body |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    request = registry.get("anthropic").decode_request(body)
    encoded = registry.get("openai_chat").encode_request(request, PROVIDER.target("openai_chat", model, LOGIN))
    upstream = built({**encoded.body, "model": model})
    assert of_body(json.loads(upstream.body)) == ""


def test_a_client_of_the_same_protocol_that_asks_rightly_is_passed_on_as_it_is():
    body = {"model": "kimi-k2", "messages": [HELLO], "top_p": 0.5, "x": [1]}
    assert built(body, translated=False).body == json.dumps(body).encode()


# -- what is sent


async def test_the_token_that_gives_the_key_is_not_sent_in_its_place():
    credential = Credential("i", "iflow", "oauth-0", {"login": {"oauth_token": "oauth-0"}})
    with pytest.raises(UnavailableError, match="API key could not be fetched"):
        await PROVIDER.acquire(credential)
    assert await PROVIDER.acquire(LOGIN) is LOGIN


ROWS = {401: ErrorKind.AUTHENTICATION, 403: ErrorKind.AUTHENTICATION, 429: ErrorKind.RATE_LIMIT, 500: ErrorKind.SERVER}


@pytest.mark.parametrize(("status", "kind"), ROWS.items())
def test_what_an_error_means(status: int, kind: ErrorKind):
    body = json.dumps({"error": {"code": "x", "message": "no"}}).encode()
    error = PROVIDER.judge(registry.get("openai_chat").decode_error(status, {}, body))
    assert (error.kind, error.out_of_service) == (kind, False)


def test_it_is_said_that_the_service_has_ended():
    manifest = PROVIDER.manifest
    assert manifest.status.startswith("ended")
    assert (manifest.group, manifest.subscription) == ("oauth", True)
    assert "2026-04-17" in manifest.terms
    assert manifest.pacing == {"requests_per_minute": 30}
