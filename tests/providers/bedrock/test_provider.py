"""Wires, addresses, signatures and errors of the Bedrock provider (apikey_backends.md §6)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from addons.gateway.upkeep import probe
from addons.providers.api import Call, Operation, Upstream
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.aws_auth import Account, complaint
from translators import registry
from translators.canonical.errors import ErrorKind, TranslationError

BEDROCK = built_in().get("bedrock")
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ARN = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/us.meta.llama"
KEYS = {"access_key_id": "AKIA" + "TEST", "secret_access_key": "s" * 20}


def credential(secret: str = "a-key", **settings: Any) -> Credential:
    return Credential("c", "bedrock", secret, settings)


def call(model: str, protocol: str, *, stream: bool = False, operation: Operation = Operation.GENERATE) -> Call:
    headers = [("content-type", "application/json"), ("accept", "x"), ("user-agent", "proxycast")]
    return Call(operation, protocol, model, stream, b'{"a":1}', headers=headers, translated=True)


@pytest.mark.parametrize(
    ("model", "settings", "protocol"),
    [
        (CLAUDE, {}, "bedrock_anthropic"),
        ("global.anthropic.claude-opus-5", {}, "bedrock_anthropic"),
        (NOVA, {}, "bedrock"),
        (ARN, {}, "bedrock"),
        (ARN, {"stands_for": {ARN: "anthropic.claude-opus-5"}}, "bedrock_anthropic"),
        (CLAUDE, {"api": "converse"}, "bedrock"),
        (NOVA, {"api": "invoke"}, "bedrock_anthropic"),
        ("openai.gpt-oss-120b-1:0", {"api": "chat"}, "openai_chat"),
        ("openai.gpt-oss-120b-1:0", {"api": "responses"}, "openai_responses"),
        ("anthropic.claude-sonnet-5", {"api": "messages"}, "anthropic"),
        (CLAUDE, {"api": "nonsense"}, "bedrock_anthropic"),
    ],
)
def test_the_wire_is_chosen_by_model_or_setting(model: str, settings: dict[str, Any], protocol: str) -> None:
    assert BEDROCK.protocol(model, credential(**settings)) == protocol


HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
MANTLE = "https://bedrock-mantle.eu-west-1.api.aws"
ADDRESSES = [
    ("bedrock", NOVA, False, {}, f"{HOST}/model/amazon.nova-pro-v1%3A0/converse"),
    (
        "bedrock",
        NOVA,
        True,
        {"region": "eu-west-3"},
        "https://bedrock-runtime.eu-west-3.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse-stream",
    ),
    ("bedrock_anthropic", CLAUDE, False, {}, f"{HOST}/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"),
    (
        "bedrock_anthropic",
        CLAUDE,
        True,
        {},
        f"{HOST}/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
    ),
    (
        "bedrock",
        ARN,
        False,
        {},
        f"{HOST}/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Fus.meta.llama/converse",
    ),
    (
        "bedrock",
        NOVA,
        False,
        {"base_url": "http://127.0.0.1:9/"},
        "http://127.0.0.1:9/model/amazon.nova-pro-v1%3A0/converse",
    ),
    (
        "bedrock",
        NOVA,
        False,
        {"base_url": "https://fips.{region}.example", "region": "us-west-2"},
        "https://fips.us-west-2.example/model/amazon.nova-pro-v1%3A0/converse",
    ),
    ("openai_chat", "openai.gpt-oss-120b-1:0", True, {}, f"{HOST}/openai/v1/chat/completions"),
    ("openai_responses", "openai.gpt-oss-120b-1:0", False, {}, f"{HOST}/openai/v1/responses"),
    ("openai_chat", "openai.gpt-oss-120b", True, {"base_url": MANTLE + "/v1"}, f"{MANTLE}/v1/chat/completions"),
    ("openai_chat", "openai.gpt-oss-120b", True, {"base_url": MANTLE}, f"{MANTLE}/openai/v1/chat/completions"),
    (
        "openai_chat",
        "openai.gpt-oss-120b",
        True,
        {"base_url": MANTLE + "/openai/v1"},
        f"{MANTLE}/openai/v1/chat/completions",
    ),
    ("anthropic", "anthropic.claude-sonnet-5", True, {"region": "eu-west-1"}, f"{MANTLE}/anthropic/v1/messages"),
    (
        "anthropic",
        "anthropic.claude-sonnet-5",
        True,
        {"base_url": "http://127.0.0.1:9"},
        "http://127.0.0.1:9/anthropic/v1/messages",
    ),
]


@pytest.mark.parametrize(("protocol", "model", "stream", "settings", "url"), ADDRESSES)
def test_addresses(protocol: str, model: str, stream: bool, settings: dict[str, Any], url: str) -> None:
    assert BEDROCK.url(call(model, protocol, stream=stream), credential(**settings)) == url


@pytest.mark.parametrize("protocol", ["bedrock", "bedrock_anthropic"])
def test_counting_has_an_address_of_its_own(protocol: str) -> None:
    asked = call(NOVA, protocol, operation=Operation.COUNT_TOKENS)
    assert BEDROCK.url(asked, credential()) == f"{HOST}/model/amazon.nova-pro-v1%3A0/count-tokens"


# -- secrets


@pytest.mark.parametrize(
    "secret",
    ["a-key", '{"api_key": "a-key"}', '{"AWS_BEARER_TOKEN_BEDROCK": "a-key"}'],
    ids=["bare", "field", "variable"],
)
def test_an_api_key_is_a_bearer_token(secret: str) -> None:
    headers = dict(BEDROCK.build(call(NOVA, "bedrock"), credential(secret)).headers)
    assert headers["Authorization"] == "Bearer a-key"
    assert "X-Amz-Date" not in headers


def verified(built: Upstream, account: Account) -> tuple[str, str] | None:
    parts = urlsplit(built.url)
    headers = {"host": parts.netloc, **{name.lower(): value for name, value in built.headers}}
    return complaint(account, built.method, parts.path, parts.query, headers, built.body)


SPELLINGS = [
    pytest.param(KEYS, id="ours"),
    pytest.param({f"AWS_{name.upper()}": value for name, value in KEYS.items()}, id="the environment's"),
    pytest.param(
        {"Credentials": {"AccessKeyId": KEYS["access_key_id"], "SecretAccessKey": KEYS["secret_access_key"]}},
        id="aws sts",
    ),
]


@pytest.mark.parametrize("secret", SPELLINGS)
@pytest.mark.parametrize("model", [NOVA, ARN])
def test_an_access_key_signs_the_whole_request(secret: dict[str, Any], model: str) -> None:
    built = BEDROCK.build(call(model, "bedrock"), credential(json.dumps(secret)))
    account = Account(KEYS["access_key_id"], KEYS["secret_access_key"], region="us-east-1")
    assert verified(built, account) is None
    assert dict(built.headers)["user-agent"] == "proxycast"
    for name in ("secret_key", "region", "service", "access_key", "token"):
        assert verified(built, Account(**{**vars(account), name: "another"})) is not None
    assert verified(Upstream(built.method, built.url, built.headers, b"{}"), account) is not None
    assert verified(Upstream(built.method, built.url + "x", built.headers, built.body), account) is not None


def test_a_temporary_key_sends_and_signs_its_session_token() -> None:
    built = BEDROCK.build(call(NOVA, "bedrock"), credential(json.dumps({**KEYS, "session_token": "tok"})))
    assert dict(built.headers)["X-Amz-Security-Token"] == "tok"
    account = Account(KEYS["access_key_id"], KEYS["secret_access_key"], "tok", region="us-east-1")
    assert verified(built, account) is None


@pytest.mark.parametrize(
    ("settings", "region", "service"),
    [
        ({"region": "eu-west-1"}, "eu-west-1", "bedrock"),
        ({"base_url": "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com"}, "us-gov-west-1", "bedrock"),
        ({"base_url": MANTLE + "/v1", "api": "chat"}, "eu-west-1", "bedrock-mantle"),
        ({"base_url": "http://127.0.0.1:9", "service": "other", "region": "x-1"}, "x-1", "other"),
    ],
)
def test_region_and_service_of_the_signature(settings: dict[str, Any], region: str, service: str) -> None:
    owner = credential(json.dumps(KEYS), **settings)
    built = BEDROCK.build(call(NOVA, BEDROCK.protocol(NOVA, owner)), owner)
    assert f"/{region}/{service}/aws4_request" in dict(built.headers)["Authorization"]


def test_headers_of_a_client_do_not_pass_for_ours() -> None:
    asked = call(NOVA, "bedrock")
    asked.headers += [("X-Amz-Security-Token", "theirs"), ("x-amz-date", "then"), ("authorization", "theirs")]
    built = BEDROCK.build(asked, credential(json.dumps(KEYS)))
    assert "theirs" not in [value for _, value in built.headers]
    assert [name.lower() for name, _ in built.headers].count("x-amz-date") == 1


def test_no_secret_is_no_header() -> None:
    assert "authorization" not in [
        name.lower() for name, _ in BEDROCK.build(call(NOVA, "bedrock"), credential("")).headers
    ]


# -- models

TARGETS = [
    (
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"thinking": "budget", "cache_markers": "cache_point_1h", "json_schema": True},
    ),
    (
        "anthropic.claude-opus-4-1-20250805-v1:0",
        {"thinking": "budget", "cache_markers": "cache_point", "sampling": True},
    ),
    (
        "apac.anthropic.claude-sonnet-4-20250514-v1:0",
        {"thinking": "budget", "cache_markers": "cache_point", "json_schema": False},
    ),
    ("global.anthropic.claude-opus-4-6-v1", {"thinking": "adaptive", "sampling": True, "prefill": False}),
    ("global.anthropic.claude-opus-5", {"thinking": "adaptive", "sampling": False, "mid_system": False}),
    ("anthropic.claude-3-7-sonnet-20250219-v1:0", {"thinking": "budget", "max_output_tokens": 64_000}),
    (
        "anthropic.claude-3-5-haiku-20241022-v1:0",
        {"thinking": "none", "max_output_tokens": 8192, "cache_markers": "cache_point"},
    ),
    (
        "anthropic.claude-3-haiku-20240307-v1:0",
        {"thinking": "none", "max_output_tokens": 4096, "cache_markers": "none"},
    ),
    ("openai.gpt-oss-120b-1:0", {"thinking": "effort", "efforts": ("low", "medium", "high"), "images": False}),
    ("us.meta.llama3-3-70b-instruct-v1:0", {"thinking": "none", "forced_tools": False}),
    (NOVA, {"thinking": "none", "sampling": True, "forced_tools": True, "cache_markers": "none"}),
]


@pytest.mark.parametrize(("model", "facts"), TARGETS)
def test_what_each_model_takes(model: str, facts: dict[str, Any]) -> None:
    target = BEDROCK.target("bedrock", model, credential())
    assert {name: getattr(target, name) for name in facts} == facts
    assert target.model == model


def test_a_profile_is_what_it_stands_for_but_keeps_its_name_where_the_body_has_it() -> None:
    owner = credential(stands_for={ARN: "anthropic.claude-opus-5"})
    assert BEDROCK.target("bedrock", ARN, owner).thinking == "adaptive"
    assert BEDROCK.target("bedrock", ARN, owner).model == "anthropic.claude-opus-5"
    assert BEDROCK.target("openai_chat", ARN, owner).model == ARN


@pytest.mark.parametrize("model", [CLAUDE, NOVA, ARN, "global.anthropic.claude-opus-5", "openai.gpt-oss-20b-1:0"])
def test_serves_the_names_that_bedrock_has(model: str) -> None:
    assert BEDROCK.serves(model, credential())


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-5.5", "gemini-3.5-pro"])
def test_leaves_the_names_of_others_to_others(model: str) -> None:
    assert not BEDROCK.serves(model, credential())


# -- errors: status, exception, message, what it means. The sheet's list, and the rows of the manifest.

ERRORS = [
    (400, "ValidationException", "messages: field required", ErrorKind.INVALID_REQUEST),
    (400, "ValidationException", "Input is too long for requested model.", ErrorKind.PROMPT_TOO_LONG),
    (400, "ValidationException", "prompt is too long: 210000 tokens > 200000 maximum", ErrorKind.PROMPT_TOO_LONG),
    (400, "ValidationException", "This model's maximum context length is 8192 tokens.", ErrorKind.PROMPT_TOO_LONG),
    (
        400,
        "ValidationException",
        "Invocation of model ID x with on-demand throughput isn’t supported.",
        ErrorKind.NOT_FOUND,
    ),
    (400, "ValidationException", "The provided model identifier is invalid.", ErrorKind.NOT_FOUND),
    (403, "AccessDeniedException", "You don't have access to the model.", ErrorKind.PERMISSION),
    (403, "AccessDeniedException", "Bearer Token has expired", ErrorKind.AUTHENTICATION),
    (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        ErrorKind.AUTHENTICATION,
    ),
    (403, "ExpiredTokenException", "The security token included in the request is expired", ErrorKind.AUTHENTICATION),
    (403, "", "The security token included in the request is expired", ErrorKind.AUTHENTICATION),
    (404, "ResourceNotFoundException", "This model version has reached the end of its life.", ErrorKind.NOT_FOUND),
    (408, "ModelTimeoutException", "The model timed out.", ErrorKind.TIMEOUT),
    (424, "ModelErrorException", "The model failed.", ErrorKind.SERVER),
    (429, "ThrottlingException", "Too many tokens, please wait before trying again.", ErrorKind.RATE_LIMIT),
    (429, "ModelNotReadyException", "The model is not ready.", ErrorKind.OVERLOADED),
    (500, "InternalServerException", "Oops.", ErrorKind.SERVER),
    (503, "ServiceUnavailableException", "Busy.", ErrorKind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "type_", "message", "kind"), ERRORS)
@pytest.mark.parametrize("protocol", ["bedrock", "bedrock_anthropic"])
def test_what_an_error_means(protocol: str, status: int, type_: str, message: str, kind: ErrorKind) -> None:
    headers = {"x-amzn-errortype": f"{type_}:http://internal.amazon.com/"} if type_ else {}
    body = json.dumps({"message": message}).encode()
    found = BEDROCK.judge(registry.get(protocol).decode_error(status, headers, body))
    assert (found.kind, found.message, found.status) == (kind, message, status)


@pytest.mark.parametrize("wire", ["converse", "invoke"])
def test_the_runtime_has_no_list_of_models_so_that_a_failing_one_comes_back_unasked(wire: str) -> None:
    asked = credential("bedrock-api-key", api=wire)
    protocol = BEDROCK.protocol("", asked)
    with pytest.raises(TranslationError):
        BEDROCK.build(Call(Operation.MODELS, protocol, "", False, b"", method="GET"), asked)
    assert asyncio.run(probe.answers(BEDROCK, asked))
