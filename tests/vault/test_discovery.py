"""What official clients left on a machine: found where they leave it, offered for the provider that can use it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from addons.providers.api import Provider
from addons.providers.registry import built_in
from addons.vault import sources
from addons.vault.credential import Credential
from addons.vault.discovery import Found, Machine, Readiness, find
from addons.vault.foreign_files import FORMATS
from addons.vault.oauth import OAuth
from tests.vault.test_foreign_files import LOGINS

KEY = "sk-" + "example-0123456789abcdef"
REGISTRY = built_in()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def look(home: Path, environ: dict[str, str] | None = None, *existing: Credential, files: list[Path] | None = None):
    return find(Machine(home, environ or {}), REGISTRY, existing, files or [])


def only(found: list[Found]) -> Found:
    assert len(found) == 1, found
    return found[0]


def put(home: Path, below: str, content: object) -> Path:
    path = home / below
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_an_empty_machine_has_nothing(home: Path):
    assert look(home) == []


# -- keys in the environment

VARIABLES: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    "anthropic": ({"ANTHROPIC_API_KEY": KEY}, "anthropic", {}),
    "anthropic, its own address": (
        {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "https://api.anthropic.com/"},
        "anthropic",
        {},
    ),
    "a relay by key": (
        {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "https://relay.example"},
        "anthropic_compatible",
        {"base_url": "https://relay.example", "auth": "x-api-key"},
    ),
    "a relay by token": (
        {"ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_BASE_URL": "https://relay.example"},
        "anthropic_compatible",
        {"base_url": "https://relay.example"},
    ),
    "openai": ({"OPENAI_API_KEY": KEY}, "openai", {}),
    "openai-like": (
        {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://llm.example/v1"},
        "openai_compatible",
        {"base_url": "https://llm.example/v1"},
    ),
    "gemini": ({"GEMINI_API_KEY": KEY}, "gemini", {}),
    "google": ({"GOOGLE_API_KEY": KEY}, "gemini", {}),
    "openrouter": ({"OPENROUTER_API_KEY": KEY}, "openrouter", {}),
    "deepseek": ({"DEEPSEEK_API_KEY": KEY}, "deepseek", {}),
    "groq": ({"GROQ_API_KEY": KEY}, "groq", {}),
    "azure": (
        {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"},
        "azure_openai",
        {"base_url": "https://x.openai.azure.com"},
    ),
    "bedrock by key": (
        {"AWS_BEARER_TOKEN_BEDROCK": KEY, "AWS_REGION": "eu-central-1"},
        "bedrock",
        {"region": "eu-central-1"},
    ),
}


@pytest.mark.parametrize(("environ", "provider", "settings"), VARIABLES.values(), ids=VARIABLES)
def test_a_key_in_the_environment(home: Path, environ: dict[str, str], provider: str, settings: dict[str, str]):
    found = only(look(home, environ))
    assert (found.provider, found.settings, found.secret) == (provider, settings, KEY)
    assert (found.readiness, found.kind, found.tool) == (Readiness.READY, "key", "environment")


def test_the_two_halves_of_an_aws_key_make_one_secret(home: Path):
    environ = {"AWS_ACCESS_KEY_ID": "AK" + "IDEXAMPLE", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_REGION": "us-east-1"}
    found = only(look(home, environ))
    assert json.loads(found.secret) == {"access_key_id": "AK" + "IDEXAMPLE", "secret_access_key": KEY}
    half = only(look(home, {"AWS_ACCESS_KEY_ID": "AK" + "IDEXAMPLE"}))
    assert half.readiness is Readiness.UNUSABLE


def test_a_variable_may_name_a_file(home: Path):
    path = str(put(home, "key.json", "{}"))
    found = only(look(home, {"GOOGLE_APPLICATION_CREDENTIALS": path, "GOOGLE_CLOUD_PROJECT": "p"}))
    assert (found.provider, found.secret, found.readiness) == ("vertex", "", Readiness.READY)
    assert found.settings == {"creds_file_path": path, "project": "p"}


@pytest.mark.parametrize(
    ("base_url", "provider", "settings"),
    [
        ("https://apis.iflow.cn/v1/", "iflow", {}),
        ("https://relay.example/v1", "openai_compatible", {"base_url": "https://relay.example/v1"}),
    ],
)
def test_a_base_url_beside_a_key_is_told_unless_it_is_the_providers_own(
    home: Path, base_url: str, provider: str, settings: dict[str, str]
):
    put(home, ".iflow/settings.json", json.dumps({"apiKey": KEY, "baseUrl": base_url}))
    found = only(look(home))
    assert (found.provider, found.settings) == (provider, settings)


def test_a_profile_of_aws_is_named_and_known_again(home: Path):
    environ = {"AWS_PROFILE": "work", "AWS_REGION": "eu-west-1"}
    found = only(look(home, environ))
    assert (found.provider, found.secret, found.readiness) == ("bedrock", "", Readiness.READY)
    assert found.settings == {"profile": "work", "region": "eu-west-1"}
    added = Credential("aws", "bedrock", settings=found.settings)
    assert only(find(Machine(home, environ), REGISTRY, [added])).readiness is Readiness.ADDED


def test_a_variable_that_several_services_use_says_so(home: Path):
    found = only(look(home, {"DASHSCOPE_API_KEY": KEY}))
    assert found.provider == "dashscope"
    assert "dashscope-intl" in found.note


UNUSABLE: dict[str, tuple[dict[str, str], str]] = {
    "a token for nobody": ({"ANTHROPIC_AUTH_TOKEN": KEY}, "ANTHROPIC_BASE_URL is not set"),
    "our own client key": ({"ANTHROPIC_API_KEY": "pxc_" + "x" * 43}, "a client key of a ProxyCast gateway"),
    "a setting is missing": ({"CLOUDFLARE_API_KEY": KEY}, "account is missing"),
    "no address": ({"AZURE_OPENAI_API_KEY": KEY}, "resource is missing"),
    "no such file": ({"GOOGLE_APPLICATION_CREDENTIALS": "/missing/key.json"}, "there is no file /missing/key.json"),
}


@pytest.mark.parametrize(("environ", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_says_why(home: Path, environ: dict[str, str], said: str):
    found = only(look(home, environ))
    assert found.readiness is Readiness.UNUSABLE
    assert said in found.note


# -- what tools leave

LEFT = {source.format: source for source in reversed(sources.LOGIN_FILES)}


@pytest.mark.parametrize("tool", LEFT)
def test_the_login_of_a_tool(home: Path, tool: str):
    source = LEFT[tool]
    path = home / source.path
    path.parent.mkdir(parents=True)
    shutil.copy(LOGINS / f"{tool}.json", path)
    found = only(look(home))
    assert (found.tool, found.kind, found.place) == (source.tool, "login", str(path))
    assert (found.provider, found.settings) == (source.provider, {"creds_file_path": str(path)})
    assert found.secret == ""


def test_a_login_is_ready_when_its_provider_is_there(home: Path):
    shutil.copy(LOGINS / "codex.json", put(home, ".codex/auth.json", ""))
    registry = built_in()
    registry.unregister("codex")
    assert only(find(Machine(home, {}), registry, [])).readiness is Readiness.NO_PROVIDER
    openai = REGISTRY.get("openai").manifest
    registry.register(Provider(replace(openai, id="codex", aliases=(), env=(), oauth=OAuth("https://auth.example"))))
    assert only(find(Machine(home, {}), registry, [])).readiness is Readiness.READY


def test_a_preset_of_the_same_name_does_not_make_a_login_usable(home: Path):
    shutil.copy(LOGINS / "iflow.json", put(home, ".iflow/oauth_creds.json", ""))
    registry = built_in()
    registry.unregister("iflow")
    assert registry.get("iflow")
    assert only(find(Machine(home, {}), registry, [])).readiness is Readiness.NO_PROVIDER


@pytest.mark.parametrize(
    ("variable", "tool", "name"),
    [("CLAUDE_CONFIG_DIR", "claude_code", ".credentials.json"), ("CODEX_HOME", "codex", "auth.json")],
)
def test_a_tool_may_be_told_to_keep_it_elsewhere(home: Path, variable: str, tool: str, name: str):
    path = put(home, f"elsewhere/{name}", (LOGINS / f"{tool}.json").read_text())
    assert only(look(home, {variable: str(path.parent)})).place == str(path)


def test_a_codex_with_an_api_key(home: Path):
    put(home, ".codex/auth.json", {"auth_mode": "apikey", "OPENAI_API_KEY": KEY, "tokens": None})
    found = only(look(home))
    assert (found.provider, found.secret, found.kind) == ("openai", KEY, "key")


def test_the_env_block_of_claude_codes_settings(home: Path):
    env = {"ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_BASE_URL": "https://relay.example", "N": 1}
    path = put(home, ".claude/settings.json", {"env": env})
    found = only(look(home))
    assert found.provider == "anthropic_compatible"
    assert found.place == f"ANTHROPIC_AUTH_TOKEN in {path}"


def test_the_env_file_of_gemini_cli(home: Path):
    put(home, ".gemini/.env", f'GEMINI_API_KEY="{KEY}"\n')
    assert (only(look(home)).provider, only(look(home)).secret) == ("gemini", KEY)


def test_the_settings_of_qwen_code(home: Path):
    put(home, ".qwen/settings.json", {"security": {"auth": {"apiKey": KEY, "baseUrl": "https://llm.example/v1"}}})
    found = only(look(home))
    assert (found.provider, found.settings) == ("openai_compatible", {"base_url": "https://llm.example/v1"})


def test_the_settings_of_iflow(home: Path):
    put(home, ".iflow/settings.json", {"selectedAuthType": "iflow", "apiKey": KEY})
    assert (only(look(home)).provider, only(look(home)).readiness) == ("iflow", Readiness.READY)


@pytest.mark.parametrize("folder", [".local/share/kiro-cli", "Library/Application Support/amazon-q"])
def test_the_store_of_kiros_command(home: Path, folder: str):
    path = put(home, f"{folder}/data.sqlite3", "")
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
        db.execute("INSERT INTO auth_kv VALUES ('kirocli:odic:device-registration', '{}')")
        db.commit()
        assert look(home) == []
        db.execute("INSERT INTO auth_kv VALUES ('kirocli:odic:token', '{}')")
    found = only(look(home))
    assert (found.provider, found.kind, found.settings) == ("kiro", "login", {"creds_file_path": str(path)})


@pytest.mark.parametrize(
    ("below", "content", "platform", "provider"),
    [
        (".codex/config.toml", 'cli_auth_credentials_store = "keyring"', "linux", "codex"),
        (".codex/config.toml", 'cli_auth_credentials_store = "auto"', "win32", "codex"),
        (".claude/settings.local.json", "{}", "darwin", "claude_oauth"),
    ],
)
def test_a_login_in_the_keyring_is_told_with_a_way_round(
    home: Path, below: str, content: str, platform: str, provider: str
):
    put(home, below, content)
    found = only(find(Machine(home, {}, platform), REGISTRY, []))
    assert (found.provider, found.readiness) == (provider, Readiness.UNUSABLE)
    assert "proxycast credentials" in found.note and "keyring" in found.place


@pytest.mark.parametrize(
    ("below", "content"),
    [
        (".codex/config.toml", 'cli_auth_credentials_store = "file"'),
        (".codex/config.toml", "no toml"),
        (".claude/settings.local.json", "{}"),
    ],
)
def test_nothing_is_told_where_none_is_there(home: Path, below: str, content: str):
    put(home, below, content)
    assert find(Machine(home, {}, "linux"), REGISTRY, []) == []


def test_nor_where_the_login_is_in_its_file_all_the_same(home: Path):
    put(home, ".codex/config.toml", 'cli_auth_credentials_store = "auto"')
    shutil.copy(LOGINS / "codex.json", put(home, ".codex/auth.json", ""))
    assert only(look(home)).readiness is Readiness.READY


def test_an_env_file_is_read_when_it_is_named(home: Path):
    path = put(home, "project/.env", f"OPENROUTER_API_KEY={KEY}")
    assert look(home) == []
    assert only(look(home, files=[path])).place == f"OPENROUTER_API_KEY in {path}"
    with pytest.raises(OSError, match="No such file"):
        look(home, files=[home / "missing"])


BROKEN = ["", "{", "[]", "null", "\x00\x01", '{"env": []}', '{"OPENAI_API_KEY": 5, "tokens": "x"}']


@pytest.mark.parametrize("text", BROKEN)
def test_broken_files_stop_nothing(home: Path, text: str):
    for source in (*sources.LOGIN_FILES, *sources.LOGIN_STORES, *sources.KEY_FILES, *sources.ENVIRONMENT_FILES):
        put(home, source.path, text)
    found = look(home, {"OPENAI_API_KEY": KEY})
    assert [one.provider for one in found if one.readiness is Readiness.READY] == ["openai"]
    assert all(one.note for one in found if one.readiness is Readiness.UNUSABLE)


# -- what is there already


def test_what_was_added_is_said_to_be(home: Path):
    shutil.copy(LOGINS / "claude_code.json", path := put(home, ".claude/.credentials.json", ""))
    file = Credential("mine", "claude_oauth", "", {"creds_file_path": str(path)})
    key = Credential("other", "openai", KEY)
    found = look(home, {"OPENAI_API_KEY": KEY}, file, key)
    assert [(one.readiness, one.note) for one in found] == [
        (Readiness.ADDED, "as mine"),
        (Readiness.ADDED, "as other"),
    ]
    again = look(home, {"OPENAI_API_KEY": KEY}, Credential("openai", "openai", KEY))
    assert [one.name for one in again] == ["claude-code", "openai"], "it needs no other name"


def test_the_same_key_in_two_places_is_found_once(home: Path):
    put(home, ".gemini/.env", f"GEMINI_API_KEY={KEY}")
    assert only(look(home, {"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": KEY})).tool == "Gemini CLI"


def test_a_name_that_is_taken_gets_a_number(home: Path):
    assert only(look(home, {"OPENAI_API_KEY": KEY}, Credential("openai", "demo"))).name == "openai-2"


def test_nothing_found_shows_its_secret(home: Path):
    assert KEY not in repr(look(home, {"OPENAI_API_KEY": KEY}))


def test_every_source_names_a_format_that_there_is():
    assert {source.format for source in sources.LOGIN_FILES} <= set(FORMATS)
