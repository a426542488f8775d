"""Which models a profile offers, and how each protocol lists them (the protocol sheets' "models" sections;
clients.md §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from addons.config.settings import Profile
from addons.gateway.services import Services
from addons.pool.candidates import DEMO
from addons.providers.api import Provider
from addons.providers.registry import UnknownProviderError
from addons.vault.credential import Credential
from translators.openai_responses.models import models_for_codex

Json = dict[str, Any]
#: Claude Code keeps only ids with "claude" or "anthropic" in them, and knows what its families are for.
CLAUDE_FAMILIES = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")
_CREATED = 1_700_000_000
_CREATED_TEXT = "2023-11-14T22:13:20Z"


def members(profile: Profile, services: Services) -> list[tuple[Provider, Credential]]:
    """The usable credentials of a profile with their providers."""
    credentials = services.state.credentials
    use = [name for entry in profile.use for name in ([entry] if isinstance(entry, str) else entry)]
    chosen = [credentials[name] for name in use if name in credentials] if use else list(credentials.values())
    found = []
    for credential in chosen or [DEMO]:
        if credential.enabled:
            with suppress(UnknownProviderError):
                found.append((services.providers.get(credential.provider), credential))
    return found


def names(
    profile: Profile, services: Services, listed: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> list[str]:
    """Model names a client may ask this profile for, each once, those the user wrote down first.

    `listed` is what backends say themselves, by credential name (listed.py)."""
    found: list[str] = [
        name for name in profile.models if "*" not in name and name.startswith(("claude", "gpt", "gem"))
    ]
    found += [model for model in [profile.model, *profile.models.values()] if model]
    found += [route.model for route in profile.routes if route.model]
    for provider, credential in members(profile, services):
        found += provider.models(credential)
        found += listed.get(credential.name, ())
    if profile.model or profile.models:
        found += CLAUDE_FAMILIES  # asked for anything, the override answers
    return list(dict.fromkeys(found))


def _anthropic_model(name: str) -> Json:
    return {"type": "model", "id": name, "display_name": name, "created_at": _CREATED_TEXT}


def _anthropic(models: Sequence[str]) -> Json:
    data = [_anthropic_model(name) for name in models]
    first, last = (models[0], models[-1]) if models else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def _openai_model(name: str) -> Json:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "proxycast"}


def _openai(models: Sequence[str]) -> Json:
    return {"object": "list", "data": [_openai_model(name) for name in models]}


def _gemini_model(name: str) -> Json:
    return {
        "name": name if name.startswith("models/") else f"models/{name}",
        "version": "1",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }


def _gemini(models: Sequence[str]) -> Json:
    return {"models": [_gemini_model(name) for name in models]}


RENDERERS: dict[str, Callable[[Sequence[str]], Json]] = {
    "anthropic": _anthropic,
    "openai_chat": _openai,
    "openai_responses": _openai,
    "gemini": _gemini,
    "codex": lambda models: models_for_codex(list(models)),
}


def render_one(protocol: str, name: str) -> Json:
    one = {"anthropic": _anthropic_model, "gemini": _gemini_model}.get(protocol, _openai_model)
    return one(name)
