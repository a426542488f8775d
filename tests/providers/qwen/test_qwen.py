"""Qwen's login: hosts, headers and bodies by the tables of qwen.md, each error by its row."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from addons.providers.api import Answer, Call, Operation, Provider, Upstream
from addons.providers.qwen import errors
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.qwen import HEADERS, of_body
from translators import registry
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError

PROVIDER: Provider = built_in().get("qwen")
LOGIN = Credential("q", "qwen", "access-1", {"login": {"resource_url": "portal.qwen.ai"}})
HELLO = {"role": "user", "content": "Hi"}


def built(
    body: dict[str, Any], *, translated: bool = True, headers: Any = (), credential: Credential = LOGIN
) -> Upstream:
    call = Call(
        Operation.GENERATE,
        "openai_chat",
        str(body.get("model", "coder-model")),
        bool(body.get("stream")),
        json.dumps(body).encode(),
        path="/v1/chat/completions",
        headers=[("content-type", "application/json"), *headers],
        translated=translated,
    )
    return PROVIDER.build(call, credential)


def sent(body: dict[str, Any], **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(built(body, **options).body)
    return found


def names(upstream: Upstream) -> dict[str, str]:
    found = {name.lower(): value for name, value in upstream.headers}
    assert len(found) == len(upstream.headers), "a header is sent twice"
    return found


# -- where to (§4)

HOSTS = {
    "a host": ("portal.qwen.ai", "https://portal.qwen.ai/v1/chat/completions"),
    "a URL": ("https://portal.qwen.ai", "https://portal.qwen.ai/v1/chat/completions"),
    "with its version": ("https://portal.qwen.ai/v1/", "https://portal.qwen.ai/v1/chat/completions"),
    "DashScope": (
        "dashscope.aliyuncs.com/compatible-mode",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
    ),
    "none": ("", "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"),
}


@pytest.mark.parametrize(("named", "url"), HOSTS.values(), ids=HOSTS)
def test_the_login_names_its_host(named: str, url: str):
    credential = Credential("q", "qwen", "a", {"login": {"resource_url": named}})
    assert built({"messages": [HELLO]}, credential=credential).url == url


def test_the_owners_setting_goes_before_it():
    credential = Credential("q", "qwen", "a", {"base_url": "https://mirror.example/v1", **LOGIN.settings})
    assert built({"messages": [HELLO]}, credential=credential).url == "https://mirror.example/v1/chat/completions"


@pytest.mark.parametrize(
    "named", ["evil.example", "https://qwen.ai.evil.example", "http://portal.qwen.ai", "evilqwen.ai"]
)
def test_a_login_does_not_go_to_somebody_elses_host(named: str):
    credential = Credential("q", "qwen", "a", {"login": {"resource_url": named}})
    with pytest.raises(TranslationError, match="which is not Qwen's: set base_url"):
        built({"messages": [HELLO]}, credential=credential)


# -- headers, field by field (§4)


@pytest.mark.parametrize("translated", [True, False])
@pytest.mark.parametrize("name", HEADERS)
def test_every_header_of_the_sheet(name: str, translated: bool):
    headers = [("User-Agent", "OpenAI/Python 2"), ("X-Stainless-Lang", "python"), ("x-stainless-runtime", "CPython")]
    found = names(built({"messages": [HELLO]}, translated=translated, headers=headers))
    assert re.fullmatch(HEADERS[name], found[name])


def test_both_user_agents_are_the_same_and_never_change():
    one, other = (names(built({"messages": [HELLO]})) for _ in range(2))
    assert one["user-agent"] == one["x-dashscope-useragent"]
    assert one == other


def test_qwen_code_itself_keeps_what_it_says_of_itself():
    own = [("User-Agent", "QwenCode/9.9.9 (linux; x64)"), ("X-Stainless-Package-Version", "5.11.0")]
    found = names(built({"messages": [HELLO]}, translated=False, headers=own))
    assert (found["user-agent"], found["x-stainless-package-version"]) == ("QwenCode/9.9.9 (linux; x64)", "5.11.0")
    assert found["x-dashscope-useragent"] == found["user-agent"]
    assert found["x-dashscope-authtype"] == "qwen-oauth"
    assert found["authorization"] == "Bearer access-1"


# -- bodies (§4)


@pytest.mark.parametrize("model", ["coder-model", "vision-model", "qwen3.8-max", "glm-5"])
@pytest.mark.parametrize("effort", [None, "high"])
def test_a_translated_body_is_what_the_service_takes(model: str, effort: str | None):
    body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [HELLO]}
    if effort:
        body |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    request = registry.get("anthropic").decode_request({**body, "model": model})
    encoded = registry.get("openai_chat").encode_request(request, PROVIDER.target("openai_chat", model, LOGIN))
    found = sent({**encoded.body, "model": model})
    assert of_body(found) == ""
    assert found["preserve_thinking"] is True
    asked = {"reasoning_effort"} if model.startswith("qwen3.8-max") else {"enable_thinking", "thinking_budget"}
    assert found.keys() & {"reasoning_effort", "enable_thinking", "thinking_budget"} == (asked if effort else set())


MARK = {"type": "ephemeral"}
TOOLS = [{"type": "function", "function": {"name": n, "parameters": {"type": "object"}}} for n in ("a", "b")]


def test_what_is_to_be_cached_is_marked_as_the_official_client_does():
    system = {"role": "system", "content": "Be brief."}
    found = sent({"messages": [system, HELLO, HELLO], "tools": TOOLS, "stream": True})
    assert found["messages"][0]["content"] == [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    assert found["messages"][1] == HELLO
    assert found["messages"][2]["content"] == [{"type": "text", "text": "Hi", "cache_control": MARK}]
    assert [tool.get("cache_control") for tool in found["tools"]] == [None, MARK]
    whole = sent({"messages": [system, HELLO], "tools": TOOLS})
    assert (whole["messages"][1], whole["tools"]) == (HELLO, TOOLS)


def test_a_client_that_marks_itself_is_left_to_it():
    marked = {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": MARK}]}
    system = {"role": "system", "content": "Be brief."}
    assert sent({"messages": [system, marked, HELLO], "stream": True})["messages"] == [system, marked, HELLO]


def test_a_client_of_the_same_protocol_is_passed_on_as_it_is():
    body = {"model": "qwen3.8-max", "messages": [HELLO], "reasoning_effort": "low", "x": 1, "tools": TOOLS}
    upstream = built(body, translated=False)
    assert upstream.body == json.dumps(body).encode()


@pytest.mark.parametrize(("effort", "thinks"), [("high", True), ("none", False)])
def test_an_effort_becomes_the_switch_of_the_models_that_know_no_effort(effort: str, thinks: bool):
    found = sent({"model": "coder-model", "messages": [HELLO], "reasoning_effort": effort}, translated=False)
    assert (found.get("reasoning_effort"), found["enable_thinking"]) == (None, thinks)


def test_an_empty_list_of_tools_is_left_out():
    assert "tools" not in sent({"messages": [HELLO], "tools": []}, translated=False)


@pytest.mark.parametrize("translated", [True, False])
def test_glm_gets_texts_where_there_are_no_tools(translated: bool):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = {"model": "glm-5", "messages": [{"role": "user", "content": parts}]}
    assert sent(body, translated=translated)["messages"] == [{"role": "user", "content": "a\n\nb"}]
    assert sent({**body, "tools": TOOLS}, translated=translated)["messages"][0]["content"] == parts
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
    other = {"model": "glm-5", "messages": [{"role": "user", "content": image}]}
    assert sent(other, translated=translated)["messages"][0]["content"] == image


# -- errors, row by row (§5)

CHINA = timezone(timedelta(hours=8))
BEFORE, AFTER = datetime(2026, 4, 10, 21, 30, tzinfo=CHINA), datetime(2026, 4, 16, 0, 0, tzinfo=CHINA)

ROWS: dict[str, tuple[int, str, str, ErrorKind]] = {
    "401, text": (401, "", "invalid access token or token expired", ErrorKind.AUTHENTICATION),
    "401, code": (401, "invalid_api_key", "no", ErrorKind.AUTHENTICATION),
    "429": (429, "", "too many requests", ErrorKind.RATE_LIMIT),
    "429, throttling": (429, "Throttling.RateQuota", "Requests rate limit exceeded", ErrorKind.RATE_LIMIT),
    "400, content": (400, "data_inspection_failed", "Input may contain …", ErrorKind.INVALID_REQUEST),
    "400, parameter": (400, "InvalidParameter", "no", ErrorKind.INVALID_REQUEST),
    "504": (504, "", "gateway timeout", ErrorKind.TIMEOUT),
    "500": (500, "", "oops", ErrorKind.SERVER),
}


def judged(status: int, code: str, message: str) -> ErrorInfo:
    body = json.dumps({"error": {"code": code or None, "type": "x", "message": message}, "request_id": "r"}).encode()
    info = registry.get("openai_chat").decode_error(status, {}, body)
    return PROVIDER.judge(info, Answer(status, {}, body))


@pytest.mark.parametrize(("status", "code", "message", "kind"), ROWS.values(), ids=ROWS)
def test_what_an_error_means(status: int, code: str, message: str, kind: ErrorKind):
    error = judged(status, code, message)
    assert (error.kind, error.out_of_service) == (kind, False)


QUOTA = [
    (403, "insufficient_quota", "used up"),
    (429, "insufficient_quota", "used up"),
    (429, "quota_exceeded", "used up"),
    (429, "", "Free allocated quota exceeded."),
]


@pytest.mark.parametrize(("status", "code", "message"), QUOTA)
def test_a_days_quota_came_back_at_midnight_in_china(status: int, code: str, message: str):
    error = errors.judged(ErrorInfo(ErrorKind.PERMISSION, message, status, code=code), BEFORE.timestamp())
    assert (error.kind, error.scope, error.retry_after, error.out_of_service) == (
        ErrorKind.RATE_LIMIT,
        "account",
        2.5 * 3600,
        False,
    )


@pytest.mark.parametrize(("status", "code", "message"), QUOTA)
def test_since_the_free_tier_has_ended_it_does_not_come_back(status: int, code: str, message: str):
    error = errors.judged(ErrorInfo(ErrorKind.RATE_LIMIT, message, status, code=code), AFTER.timestamp())
    assert (error.kind, error.out_of_service) == (ErrorKind.BILLING, True)
    assert message in error.message and "credentials add dashscope" in error.message


def test_what_a_client_wrote_ends_nothing():
    text = "unknown field: 'Free allocated quota exceeded' in messages[0]"
    for status in (400, 429):
        assert errors.judged(ErrorInfo(ErrorKind.RATE_LIMIT, text, status), AFTER.timestamp()).out_of_service is False


# -- what is said of it


def test_it_is_said_that_the_service_has_ended():
    manifest = PROVIDER.manifest
    assert manifest.status.startswith("ended")
    assert (manifest.group, manifest.subscription) == ("oauth", True)
    assert "2026-04-15" in manifest.terms and "DashScope" in manifest.terms
    assert manifest.pacing == {"requests_per_minute": 30}
