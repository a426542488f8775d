"""How a gateway is set up for each kind of provider: the stand-in, the credential, a model it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.standin import StandIn
from tests.standin.antigravity import AntigravityStandIn
from tests.standin.azure import AzureStandIn
from tests.standin.code_assist import CodeAssistStandIn
from tests.standin.codex import CodexStandIn
from tests.standin.google_internal import GoogleStandIn
from tests.standin.iflow import SECRET, IflowStandIn
from tests.standin.kiro import KiroStandIn
from tests.standin.ollama import OllamaStandIn
from tests.standin.qwen import QwenStandIn
from tests.standin.vertex import LOCATION, VertexStandIn

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """`settings` may name the stand-in's address as {url}. `hides_thinking`: chat clients see none of it."""

    provider: str
    model: str
    make: Callable[..., StandIn] = StandIn
    settings: Json = field(default_factory=dict)
    secret: Callable[[Any], str] = lambda backend: backend.key or ""
    spoken: dict[str, str] = field(default_factory=dict)  # client → protocol that must reach the backend
    hides_thinking: tuple[str, ...] = ()


def _service_account(backend: VertexStandIn) -> str:
    return backend.service_account()


def _google_login(backend: GoogleStandIn) -> str:
    return backend.login()


def _kiro_login(backend: KiroStandIn) -> str:
    return backend.login()


def _login(backend: QwenStandIn | IflowStandIn) -> str:
    return backend.login()


_VERTEX: Json = {"base_url": "{url}", "token_url": "{url}/token", "location": LOCATION}
#: Account logins are paced by default (decision 8); tests ask more in a minute than a person would.
UNPACED: Json = {"requests_per_minute": 100_000}
_GOOGLE: Json = {"base_url": "{url}", "token_url": "{url}/token", "userinfo_url": "{url}/userinfo", **UNPACED}
_KIRO: Json = {"base_url": "{url}", "management_url": "{url}", "token_url": "{url}/refreshToken", **UNPACED}
_QWEN: Json = {"base_url": "{url}/v1", "token_url": "{url}/api/v1/oauth2/token", **UNPACED}
_IFLOW: Json = {
    "base_url": "{url}/v1",
    "token_url": "{url}/oauth/token",
    "user_info_url": "{url}/api/oauth/getUserInfo",
    "client_secret": SECRET,
    **UNPACED,
}
#: The strict stand-ins of protocols know no addresses that tell what is left.
NO_QUOTA: Json = {"quota_url": "http://127.0.0.1:9/"}
OWN = {name: name for name in ("anthropic", "openai_chat", "openai_responses", "gemini")}

KINDS: dict[str, Kind] = {
    "anthropic_compatible": Kind("anthropic_compatible", "kimi-k2", settings={"base_url": "{url}"}),
    "preset of two protocols": Kind(
        "deepseek",
        "deepseek-chat",
        settings={"base_url": "{url}/v1", **NO_QUOTA},
        spoken={**OWN, "gemini": "openai_chat"},
    ),
    "provider of one's own": Kind("own", "own-1", spoken={**OWN, "openai_responses": "openai_chat"}),
    "new_api": Kind("new_api", "some-model", settings={"base_url": "{url}/v1", **NO_QUOTA}, spoken=OWN),
    "azure_openai v1": Kind(
        "azure_openai",
        "gpt-5.5",
        AzureStandIn,
        {"base_url": "{url}/openai/v1"},
        spoken={"openai_chat": "openai_chat", "anthropic": "openai_responses"},
        hides_thinking=("openai_chat",),
    ),
    "azure_openai deployments": Kind(
        "azure_openai",
        "standin-1",
        AzureStandIn,
        {"base_url": "{url}", "api_version": "2024-10-21", "target": {"system_role": "system"}},
        spoken={"openai_responses": "openai_chat", "anthropic": "openai_chat"},
    ),
    "vertex gemini": Kind("vertex", "gemini-3.5-flash", VertexStandIn, _VERTEX, _service_account),
    "vertex claude": Kind("vertex", "claude-sonnet-4-6", VertexStandIn, _VERTEX, _service_account),
    "vertex express": Kind("vertex", "gemini-3.5-flash", VertexStandIn, {"base_url": "{url}"}),
    "ollama": Kind("ollama", "qwen3", OllamaStandIn, {"base_url": "{url}", "num_ctx": "32768"}),
    "ollama compatible": Kind(
        "ollama",
        "qwen3",
        OllamaStandIn,
        {"base_url": "{url}", "api": "anthropic"},
        spoken=dict.fromkeys(OWN, "anthropic"),
    ),
    "codex": Kind(
        "codex",
        "gpt-5.5",
        CodexStandIn,
        {"base_url": "{url}/backend-api/codex", "token_url": "{url}/oauth/token", **UNPACED},
        lambda backend: str(backend.login()),
        spoken=dict.fromkeys(OWN, "openai_responses"),
        hides_thinking=("openai_chat",),
    ),
    "gemini_oauth": Kind("gemini_oauth", "gemini-3.5-flash", CodeAssistStandIn, _GOOGLE, _google_login),
    "antigravity gemini": Kind("antigravity", "gemini-pro-agent", AntigravityStandIn, _GOOGLE, _google_login),
    "antigravity claude": Kind("antigravity", "claude-sonnet-4-6", AntigravityStandIn, _GOOGLE, _google_login),
    "qwen": Kind("qwen", "coder-model", QwenStandIn, _QWEN, _login),
    "iflow": Kind("iflow", "kimi-k2.5", IflowStandIn, _IFLOW, _login),
    "kiro": Kind("kiro", "claude-sonnet-5", KiroStandIn, _KIRO, _kiro_login),
    "kiro with thinking in tags": Kind("kiro", "claude-sonnet-4-5", KiroStandIn, _KIRO, _kiro_login),
    "kiro legacy": Kind("kiro", "claude-opus-4.8", KiroStandIn, {**_KIRO, "generation": "legacy"}, _kiro_login),
}

#: What config.toml says of the provider of one's own; {url} as above.
OWN_PROVIDER = """
[providers.own]
protocols = ["openai_chat", "anthropic", "gemini"]
base_url = "{url}/v1"
base_urls = {{ anthropic = "{url}", gemini = "{url}" }}
auth_headers = {{ gemini = "x-goog-api-key" }}
"""
