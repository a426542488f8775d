"""The coding agents that can be pointed at the gateway: which values in which of their files say so.

Source: protocols/clients.md §1 to 5; each was tried with the real client (tests/e2e/clients/test_pointed.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addons.clients.documents import Keys

#: What we call ourselves where a client has a table of providers.
PROVIDER = "proxycast"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose files: a home directory, and the variables that move a client's folder."""

    home: Path
    environ: Mapping[str, str]

    def folder(self, variable: str, default: str) -> Path:
        given = self.environ.get(variable)
        return Path(given).expanduser() if given else self.home / default


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client is pointed: the gateway's root without any version, a client key, and the models that it is told
    (the first is the one it asks for; empty: its own choice)."""

    url: str
    key: str
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """`value` is what stands at `keys` of `file` afterwards; None takes out what would win over ours.

    A `member` is among what is listed there, if there is a list.
    """

    file: Path
    keys: Keys
    value: Any
    member: bool = False

    def holds(self, found: Any) -> bool:
        """Whether what was found there is what is wanted."""
        if self.member:
            return not isinstance(found, list) or self.value in found
        return bool(found == self.value)


@dataclass(frozen=True, slots=True)
class KnownClient:
    name: str
    title: str
    command: str
    edits: Callable[[Place, Target], list[Edit]]
    #: Where its base URL stands.
    address: Callable[[Place], tuple[Path, Keys]]
    #: Variables of the shell that win over its files.
    stronger: tuple[str, ...] = ()
    #: It has no list of models of its own: it must be told at least one.
    wants_models: bool = False
    note: str = ""


def _claude_file(place: Place) -> Path:
    return place.folder("CLAUDE_CONFIG_DIR", ".claude") / "settings.json"


def _claude(place: Place, target: Target) -> list[Edit]:
    file = _claude_file(place)
    wanted: dict[Keys, Any] = {
        ("env", "ANTHROPIC_BASE_URL"): target.url,
        ("env", "ANTHROPIC_AUTH_TOKEN"): target.key,
        ("env", "ANTHROPIC_API_KEY"): None,  # would be sent beside the token
        ("apiKeyHelper",): None,
        # other wire formats, for which it would not look at the base URL
        **{("env", f"CLAUDE_CODE_USE_{service}"): None for service in ("BEDROCK", "VERTEX", "FOUNDRY")},
    }
    if target.models:
        wanted["env", "ANTHROPIC_MODEL"] = target.models[0]
    return [Edit(file, keys, value) for keys, value in wanted.items()]


def _codex_file(place: Place) -> Path:
    return place.folder("CODEX_HOME", ".codex") / "config.toml"


def _codex(place: Place, target: Target) -> list[Edit]:
    file = _codex_file(place)
    provider = {
        "name": "ProxyCast",
        "base_url": f"{target.url}/v1",
        "wire_api": "responses",
        "experimental_bearer_token": target.key,
    }
    edits = [Edit(file, ("model_provider",), PROVIDER), Edit(file, ("model_providers", PROVIDER), provider)]
    return edits + [Edit(file, ("model",), model) for model in target.models[:1]]


def _gemini_folder(place: Place) -> Path:
    return place.home / ".gemini"


def _gemini(place: Place, target: Target) -> list[Edit]:
    folder = _gemini_folder(place)
    wanted: dict[str, str | None] = {
        "GOOGLE_GEMINI_BASE_URL": target.url,
        "GEMINI_API_KEY": target.key,
        "GOOGLE_API_KEY": None,  # would mean Vertex AI
    }
    if target.models:
        wanted["GEMINI_MODEL"] = target.models[0]
    # a login with Google goes to Code Assist, whatever the base URL
    chosen = Edit(folder / "settings.json", ("security", "auth", "selectedType"), "gemini-api-key")
    return [*(Edit(folder / ".env", (name,), value) for name, value in wanted.items()), chosen]


def _qwen_folder(place: Place) -> Path:
    return place.home / ".qwen"


def _qwen(place: Place, target: Target) -> list[Edit]:
    folder = _qwen_folder(place)
    wanted = {"OPENAI_BASE_URL": f"{target.url}/v1", "OPENAI_API_KEY": target.key}
    if target.models:
        wanted["OPENAI_MODEL"] = target.models[0]
    chosen = Edit(folder / "settings.json", ("security", "auth", "selectedType"), "openai")
    return [*(Edit(folder / ".env", (name,), value) for name, value in wanted.items()), chosen]


def _opencode_file(place: Place) -> Path:
    return place.folder("XDG_CONFIG_HOME", ".config") / "opencode" / "opencode.json"


def _opencode(place: Place, target: Target) -> list[Edit]:
    file = _opencode_file(place)
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "ProxyCast",
        "options": {"baseURL": f"{target.url}/v1", "apiKey": target.key},
        "models": {model: {"name": model} for model in target.models},
    }
    first = f"{PROVIDER}/{target.models[0]}"
    return [
        Edit(file, ("provider", PROVIDER), provider),
        Edit(file, ("model",), first),
        Edit(file, ("small_model",), first),
        Edit(file, ("enabled_providers",), PROVIDER, member=True),
    ]


CLIENTS: dict[str, KnownClient] = {
    client.name: client
    for client in (
        KnownClient(
            "claude-code",
            "Claude Code",
            "claude",
            _claude,
            lambda place: (_claude_file(place), ("env", "ANTHROPIC_BASE_URL")),
            note="a project's own .claude/settings.json wins over it",
        ),
        KnownClient(
            "codex",
            "Codex",
            "codex",
            _codex,
            lambda place: (_codex_file(place), ("model_providers", PROVIDER, "base_url")),
        ),
        KnownClient(
            "gemini-cli",
            "Gemini CLI",
            "gemini",
            _gemini,
            lambda place: (_gemini_folder(place) / ".env", ("GOOGLE_GEMINI_BASE_URL",)),
            stronger=("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"),
            note="a project's own .env or .gemini/.env is read in its place",
        ),
        KnownClient(
            "qwen-code",
            "Qwen Code",
            "qwen",
            _qwen,
            lambda place: (_qwen_folder(place) / ".env", ("OPENAI_BASE_URL",)),
            stronger=("OPENAI_BASE_URL", "OPENAI_API_KEY"),
            note="a project's own .env or .qwen/.env is read in its place",
        ),
        KnownClient(
            "opencode",
            "opencode",
            "opencode",
            _opencode,
            lambda place: (_opencode_file(place), ("provider", PROVIDER, "options", "baseURL")),
            wants_models=True,
            note="a project's own opencode.json wins over it",
        ),
    )
}
