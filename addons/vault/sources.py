"""Where official clients leave their logins and keys, as data. Paths are below the user's home; facts from the sheets
named with each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from addons.vault.tokens import Path


@dataclass(frozen=True, slots=True)
class LoginFile:
    """A login in a JSON file of the format `format` (foreign_files.py). `folder` names the variable that may stand for
    the first folder of `path`."""

    tool: str
    path: str
    provider: str
    format: str
    folder: str = ""
    name: str = ""  # suggested for the credential


@dataclass(frozen=True, slots=True)
class LoginStore:
    """A login in an SQLite file, as the `store` of the format `format` says (foreign_files.py)."""

    tool: str
    path: str
    provider: str
    format: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Keyring:
    """A login that its tool keeps in the system's keyring, which is not read: the user is told a way round. It is there
    if the tool's folder `path` is, or a TOML file that says so: `setting` with one of `values`. `platform`: there
    alone."""

    tool: str
    path: str
    provider: str
    note: str
    folder: str = ""
    setting: str = ""
    values: tuple[str, ...] = ()
    platform: str = ""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """An API key at a place in a JSON file, with its base URL if the file names one; `other` serves another base
    URL."""

    tool: str
    path: str
    key: Path
    provider: str
    base_url: Path = ()
    other: str = ""
    folder: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """Variables that a tool sets itself: a `.env` file, or an object in a JSON file."""

    tool: str
    path: str
    object: Path = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """What a variable with a key means beyond being in a manifest's `env`.

    `provider` overrides the manifest's. `base_url` are variables that may hold another base URL than the provider's,
    which `other` serves with `other_settings`; `needs_base_url`: without one the key is for nobody. `settings` maps
    settings to variables. `file`: it names a file, `setting`: it is the value of that setting. `login`: what it holds
    is a login's token. `secret` maps fields of a JSON secret to variables.
    """

    provider: str = ""
    base_url: tuple[str, ...] = ()
    other: str = ""
    other_settings: Mapping[str, str] = field(default_factory=dict)
    needs_base_url: bool = False
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    file: bool = False
    setting: str = ""
    login: bool = False
    secret: Mapping[str, str] = field(default_factory=dict)


LOGIN_FILES = (
    # claude_oauth.md §1
    LoginFile(
        "Claude Code", ".claude/.credentials.json", "claude_oauth", "claude_code", "CLAUDE_CONFIG_DIR", "claude-code"
    ),
    LoginFile(
        "Claude Code",
        ".claude/.credentials.json",
        "claude_oauth",
        "claude_code",
        "CLAUDE_SECURESTORAGE_CONFIG_DIR",
        "claude-code",
    ),
    LoginFile("Claude Code", ".claude/credentials.json", "claude_oauth", "claude_code", name="claude-code"),
    LoginFile("Claude Code", ".config/claude/credentials.json", "claude_oauth", "claude_code", name="claude-code"),
    # codex.md §1
    LoginFile("Codex CLI", ".codex/auth.json", "codex", "codex", "CODEX_HOME", "codex-login"),
    # gemini_code_assist.md §1
    LoginFile("Gemini CLI", ".gemini/oauth_creds.json", "gemini_oauth", "gemini_cli", name="gemini-login"),
    # qwen.md §1
    LoginFile("Qwen Code", ".qwen/oauth_creds.json", "qwen", "qwen_code", name="qwen-login"),
    # iflow.md §1
    LoginFile("iFlow CLI", ".iflow/oauth_creds.json", "iflow", "iflow", name="iflow-login"),
    # kiro.md §1.1
    LoginFile("Kiro", ".aws/sso/cache/kiro-auth-token.json", "kiro", "kiro", name="kiro"),
)

KEYRINGS = (
    # claude_oauth.md §1
    Keyring(
        "Claude Code",
        ".claude",
        "claude_oauth",
        "on macOS it is in the Keychain, which is not read: `claude setup-token` prints a token for `proxycast "
        "credentials add claude_oauth`",
        "CLAUDE_CONFIG_DIR",
        platform="darwin",
    ),
    # codex.md §1
    Keyring(
        "Codex CLI",
        ".codex/config.toml",
        "codex",
        'cli_auth_credentials_store = "file" there and another `codex login` put it into auth.json; or `proxycast '
        "credentials login codex`",
        "CODEX_HOME",
        "cli_auth_credentials_store",
        ("keyring", "auto"),
    ),
)

# kiro.md §1.4
LOGIN_STORES = tuple(
    LoginStore(tool, f"{base}/{folder}/data.sqlite3", "kiro", "kiro", "kiro-cli")
    for base in (".local/share", "Library/Application Support")
    for tool, folder in (("Kiro CLI", "kiro-cli"), ("Amazon Q CLI", "amazon-q"))
)

KEY_FILES = (
    # codex.md §1
    KeyFile("Codex CLI", ".codex/auth.json", ("OPENAI_API_KEY",), "openai", folder="CODEX_HOME", name="codex-key"),
    # iflow.md §1: the login's own API key, and the one of the settings
    KeyFile("iFlow CLI", ".iflow/settings.json", ("apiKey",), "iflow", ("baseUrl",), "openai_compatible", name="iflow"),
    # clients.md, Qwen Code
    KeyFile(
        "Qwen Code",
        ".qwen/settings.json",
        ("security", "auth", "apiKey"),
        "openai",
        ("security", "auth", "baseUrl"),
        "openai_compatible",
        name="qwen-key",
    ),
)

ENVIRONMENT_FILES = (
    # clients.md §1: the `env` block goes before the shell's variables.
    EnvironmentFile("Claude Code", ".claude/settings.json", ("env",), "CLAUDE_CONFIG_DIR"),
    EnvironmentFile("Gemini CLI", ".gemini/.env"),
    EnvironmentFile("Qwen Code", ".qwen/.env"),
    EnvironmentFile("Qwen Code", ".qwen/settings.json", ("env",)),
    EnvironmentFile("Codex CLI", ".codex/.env", folder="CODEX_HOME"),
)

#: Beside what the manifests name in `env` (apikey_backends.md §10). The order is that of the output.
VARIABLES: dict[str, Variable] = {
    "ANTHROPIC_API_KEY": Variable(
        base_url=("ANTHROPIC_BASE_URL",), other="anthropic_compatible", other_settings={"auth": "x-api-key"}
    ),
    # clients.md §1: a relay's token; without a base URL it is one of a claude.ai login.
    "ANTHROPIC_AUTH_TOKEN": Variable(
        "anthropic_compatible",
        base_url=("ANTHROPIC_BASE_URL",),
        other="anthropic_compatible",
        needs_base_url=True,
    ),
    # claude_oauth.md §1
    "CLAUDE_CODE_OAUTH_TOKEN": Variable("claude_oauth", login=True),
    "OPENAI_API_KEY": Variable(base_url=("OPENAI_BASE_URL", "OPENAI_API_BASE"), other="openai_compatible"),
    "CODEX_API_KEY": Variable("openai"),
    # codex.md §1
    "CODEX_ACCESS_TOKEN": Variable("codex", login=True),
    "GEMINI_API_KEY": Variable(base_url=("GOOGLE_GEMINI_BASE_URL",), other="gemini"),
    "AZURE_OPENAI_API_KEY": Variable(
        settings={
            "base_url": ("AZURE_OPENAI_ENDPOINT",),
            "resource": ("AZURE_RESOURCE_NAME",),
            "api_version": ("AZURE_API_VERSION", "OPENAI_API_VERSION"),
        }
    ),
    "ANTHROPIC_FOUNDRY_API_KEY": Variable(
        settings={"base_url": ("ANTHROPIC_FOUNDRY_BASE_URL",), "resource": ("ANTHROPIC_FOUNDRY_RESOURCE",)}
    ),
    "AWS_BEARER_TOKEN_BEDROCK": Variable("bedrock", settings={"region": ("AWS_REGION", "AWS_DEFAULT_REGION")}),
    "AWS_ACCESS_KEY_ID": Variable(
        "bedrock",
        settings={"region": ("AWS_REGION", "AWS_DEFAULT_REGION")},
        secret={
            "access_key_id": "AWS_ACCESS_KEY_ID",
            "secret_access_key": "AWS_SECRET_ACCESS_KEY",
            "session_token": "AWS_SESSION_TOKEN",
        },
    ),
    # a profile of AWS's own configuration
    "AWS_PROFILE": Variable("bedrock", settings={"region": ("AWS_REGION", "AWS_DEFAULT_REGION")}, setting="profile"),
    "GOOGLE_APPLICATION_CREDENTIALS": Variable(
        "vertex",
        file=True,
        settings={
            "project": ("GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"),
            "location": ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"),
        },
    ),
    # kiro.md §1.5
    "KIRO_API_KEY": Variable("kiro"),
}
