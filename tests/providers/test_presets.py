"""Providers that are data alone: the presets that are shipped, those of config.toml, and how each is spoken to."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from addons.config.settings import CustomProvider
from addons.config.store import ConfigError, parse
from addons.providers import presets
from addons.providers.api import Call, Operation, Provider
from addons.providers.registry import UnknownProviderError, built_in
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.request import Request

REGISTRY = built_in()
PRESETS = list(REGISTRY.presets())
SECRET = "a-key"
LOOPBACK = ("localhost", "127.0.0.1")


def asked(provider: Provider, protocol: str, settings: dict[str, object] | None = None) -> tuple[str, list[str]]:
    """→ (URL, headers that hold the secret) of a generation."""
    credential = Credential("c", provider.manifest.id, SECRET, settings or {})
    upstream = provider.build(Call(Operation.GENERATE, protocol, "m", False, b"{}", translated=True), credential)
    return upstream.url, [f"{name}: {value}" for name, value in upstream.headers if SECRET in value]


def test_every_id_is_there_once():
    text = presets.FILE.read_text("utf-8")
    assert max(Counter(re.findall(r"^\[(.+)\]$", text, re.MULTILINE)).values()) == 1
    ids = [provider.manifest.id for provider in PRESETS]
    assert len(ids) == len(set(ids)) > 150


@pytest.mark.parametrize("provider", PRESETS, ids=lambda p: p.manifest.id)
def test_a_preset_can_be_spoken_to_in_each_of_its_protocols(provider: Provider):
    manifest = provider.manifest
    assert manifest.name and manifest.credential_schema["type"] == "object"
    places = dict.fromkeys(re.findall(r"\{(\w+)\}", manifest.base_url), "here")
    assert set(places) <= set(manifest.credential_schema["required"])
    for protocol in manifest.protocols:
        url, secrets = asked(provider, protocol, dict(places))
        parts = urlsplit(url)
        assert parts.scheme == "https" or parts.hostname in (*LOOPBACK, "here")
        assert "{" not in url and "//" not in parts.path and "/v1/v1" not in url
        assert len(secrets) == 1
        target = provider.target(protocol, "m", Credential("c", manifest.id))
        assert (target.protocol, target.provider) == (protocol, manifest.id)


@pytest.mark.parametrize(
    ("preset", "client", "spoken", "url"),
    [
        ("deepseek", "anthropic", "anthropic", "https://api.deepseek.com/anthropic/v1/messages"),
        ("deepseek", "openai_chat", "openai_chat", "https://api.deepseek.com/v1/chat/completions"),
        ("deepseek", "gemini", "openai_chat", "https://api.deepseek.com/v1/chat/completions"),
        ("deepseek-anthropic", "openai_chat", "anthropic", "https://api.deepseek.com/anthropic/v1/messages"),
        ("zai", "anthropic", "anthropic", "https://api.z.ai/api/anthropic/v1/messages"),
        ("zai", "openai_responses", "openai_chat", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("openrouter", "openai_responses", "openai_responses", "https://openrouter.ai/api/v1/responses"),
        ("openrouter", "anthropic", "anthropic", "https://openrouter.ai/api/v1/messages"),
        ("perplexity", "openai_chat", "openai_chat", "https://api.perplexity.ai/chat/completions"),
        ("litellm", "gemini", "gemini", "http://localhost:4000/v1beta/models/m:generateContent"),
        ("litellm", "anthropic", "anthropic", "http://localhost:4000/v1/messages"),
        ("groq", "anthropic", "openai_chat", "https://api.groq.com/openai/v1/chat/completions"),
    ],
)
def test_a_client_is_answered_in_its_own_protocol_where_the_service_speaks_it(
    preset: str, client: str, spoken: str, url: str
):
    provider = REGISTRY.get(preset)
    protocol = provider.protocol("m", Credential("c", preset), Request(client, "m"))
    assert (protocol, asked(provider, protocol)[0]) == (spoken, url)


@pytest.mark.parametrize(
    ("preset", "protocol", "settings", "header"),
    [
        ("deepseek", "openai_chat", {}, "Authorization: Bearer a-key"),
        ("deepseek", "anthropic", {}, "Authorization: Bearer a-key"),
        ("deepseek", "anthropic", {"auth": "x-api-key"}, "x-api-key: a-key"),
        ("aihubmix", "anthropic", {}, "x-api-key: a-key"),
        ("litellm", "gemini", {}, "x-goog-api-key: a-key"),
        ("azure-foundry-anthropic", "anthropic", {"resource": "r"}, "x-api-key: a-key"),
        ("bedrock-mantle", "anthropic", {"region": "r"}, "Authorization: Bearer a-key"),
        ("claude-on-aws", "anthropic", {"region": "r"}, "x-api-key: a-key"),
    ],
)
def test_the_secret_goes_where_the_service_wants_it(
    preset: str, protocol: str, settings: dict[str, object], header: str
):
    assert asked(REGISTRY.get(preset), protocol, settings)[1] == [header]


def test_the_user_may_insist_on_one_protocol():
    provider = REGISTRY.get("deepseek")
    credential = Credential("c", "deepseek", SECRET, {"api": "chat"})
    assert provider.protocol("m", credential, Request("anthropic", "m")) == "openai_chat"


@pytest.mark.parametrize(
    ("preset", "protocol", "model", "field", "value"),
    [
        ("deepseek", "openai_chat", "deepseek-chat", "reasoning_required", True),
        ("deepseek", "anthropic", "deepseek-chat", "reasoning_required", False),
        ("dashscope", "openai_chat", "qwen3-max", "reasoning_style", "enable_thinking"),
        ("zhipu", "openai_chat", "glm-5", "reasoning_style", "thinking"),
        ("moonshot", "openai_chat", "kimi-k2", "reasoning_style", "thinking"),
        ("openrouter", "openai_chat", "anthropic/claude-sonnet-5", "cache_markers", "cache_control"),
        ("openrouter", "openai_chat", "qwen/qwen3", "cache_markers", "none"),
        ("mistral", "openai_chat", "mistral-large", "tool_id_limit", 9),
        ("groq", "openai_chat", "gpt-oss-120b", "max_tokens_field", "max_tokens"),
        ("openrouter-anthropic", "anthropic", "anthropic/claude-sonnet-5", "thinking", "adaptive"),
        ("minimax", "anthropic", "MiniMax-M2", "thinking", "budget"),
    ],
)
def test_quirks_hold_for_the_protocol_that_has_them(preset: str, protocol: str, model: str, field: str, value: object):
    """apikey_backends.md, the paragraph below the presets; openai_chat.md §6."""
    assert getattr(REGISTRY.get(preset).target(protocol, model, Credential("c", preset)), field) == value


@pytest.mark.parametrize(
    ("preset", "error", "kind"),
    [
        ("deepseek", ErrorInfo(ErrorKind.RATE_LIMIT, "q", 429, code="insufficient_quota"), ErrorKind.BILLING),
        ("zai", ErrorInfo(ErrorKind.INVALID_REQUEST, "prompt is too long: 9", 400), ErrorKind.PROMPT_TOO_LONG),
        ("groq", ErrorInfo(ErrorKind.INVALID_REQUEST, "bad", 400), ErrorKind.INVALID_REQUEST),
    ],
)
def test_errors_are_judged_as_those_of_its_kin(preset: str, error: ErrorInfo, kind: ErrorKind):
    assert REGISTRY.get(preset).judge(error).kind is kind


# -- config.toml

OWN = """
[providers.mine]
name = "Mine"
protocols = ["openai_chat", "anthropic"]
base_url = "https://llm.example.com/v1"
base_urls = { anthropic = "https://llm.example.com/claude" }
auth_headers = { anthropic = "x-api-key" }
dropped_headers = ["anthropic-beta"]
known_models = ["mine-1"]
targets = [{ match = "mine-*", efforts = ["low"], protocol = "openai_chat" }]
errors = [{ status = 418, kind = "overloaded" }]
"""


def test_a_provider_of_the_users_own_is_like_a_preset():
    registry = built_in()
    registry.add_custom(lambda: parse(OWN, Path("config.toml")).providers)
    mine = registry.get("mine")
    assert asked(mine, "anthropic") == ("https://llm.example.com/claude/v1/messages", ["x-api-key: a-key"])
    assert mine.models(Credential("c", "mine")) == ["mine-1"]
    assert mine.target("openai_chat", "mine-1", Credential("c", "mine")).efforts == ("low",)
    assert mine.judge(ErrorInfo(ErrorKind.INVALID_REQUEST, "teapot", 418)).kind is ErrorKind.OVERLOADED
    call = Call(Operation.GENERATE, "anthropic", "m", False, b"{}", headers=[("Anthropic-Beta", "x"), ("Accept", "y")])
    assert [n for n, _ in mine.build(call, Credential("c", "mine")).headers] == ["Accept"]
    assert "mine" in {provider.manifest.id for provider in registry.presets()}


def test_settings_are_followed_live():
    text = OWN
    registry = built_in()
    settings = {"": {}, OWN: parse(OWN, Path("config.toml")).providers}
    registry.add_custom(lambda: settings[text])
    assert registry.get("mine") is registry.get("mine")
    text = ""
    with pytest.raises(UnknownProviderError, match="and presets"):
        registry.get("mine")


def test_the_users_own_comes_before_a_preset_and_behind_a_provider():
    own = CustomProvider(base_url="https://own.example.com/v1")
    registry = built_in()
    registry.add_custom(lambda: {"groq": own, "openai": own})
    assert registry.get("groq").manifest.base_url == own.base_url
    assert registry.get("openai").manifest.base_url == "https://api.openai.com/v1"
    assert [p.manifest.group for p in registry.presets() if p.manifest.id == "groq"] == ["custom"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('targets = [{ match = "*", effort = "low" }]', "there is no field 'effort' of Target"),
        ('errors = [{ kind = "sad" }]', "providers.mine.errors.0.kind"),
        ('protocols = ["soap"]', "providers.mine.protocols.0"),
        ("protocols = []", "providers.mine.protocols"),
    ],
)
def test_what_does_not_belong_into_config_toml_is_refused(line: str, said: str):
    text = f'[providers.mine]\nbase_url = "https://x.example"\n{line}\n'
    tomllib.loads(text)
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(text, Path("config.toml"))


@pytest.mark.parametrize(
    ("preset", "status", "code", "message", "kind"),
    [
        ("gemini-openai", 400, "400", "API key not valid. Please pass a valid API key.", ErrorKind.AUTHENTICATION),
        ("gemini-openai", 400, "400", "API key expired. Please renew the API key.", ErrorKind.AUTHENTICATION),
        ("gemini-openai", 400, "400", "Invalid JSON payload received.", ErrorKind.INVALID_REQUEST),
        ("one-api", 403, "insufficient_user_quota", "no credit", ErrorKind.BILLING),
        ("one-api", 403, None, "用户额度不足", ErrorKind.BILLING),
        ("one-api", 429, None, "该令牌额度已用尽", ErrorKind.BILLING),
        ("one-api", 429, None, "too many requests", ErrorKind.RATE_LIMIT),
        ("one-api", 503, None, "no available channel for the model", ErrorKind.NOT_FOUND),
        ("new_api", 429, None, "该令牌额度已用尽", ErrorKind.BILLING),
    ],
)
def test_what_a_service_says_in_its_own_way_is_understood(
    preset: str, status: int, code: str | None, message: str, kind: ErrorKind
):
    body = jsonio.dumps({"error": {"message": message, "type": "x", "code": code}})
    error = registry.get("openai_chat").decode_error(status, {}, body)
    assert REGISTRY.get(preset).judge(error).kind is kind
