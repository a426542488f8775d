"""plugin.json, config.json and a plugin's folder: what is read, what is refused, and what is kept."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from addons.plugins import config as configs
from addons.plugins import folder as folders
from addons.plugins import versions
from addons.plugins.config import PluginConfig
from addons.plugins.folder import PluginError, Runtime
from addons.plugins.manifest import PluginManifest

from . import making

#: As the plugin-architecture paper has it (requirements.md, "Plugins on disk").
KIRO = {
    "name": "kiro-provider",
    "version": "0.2.0",
    "description": "Kiro",
    "author": "ProxyCast",
    "homepage": "https://example.com",
    "license": "MIT",
    "plugin_type": "oauth_provider",
    "entry": "kiro-provider-cli",
    "min_proxycast_version": "0.1.0",
    "provider": {
        "id": "kiro-cli",
        "display_name": "Kiro (CLI)",
        "target_protocol": "anthropic",
        "supported_models": ["claude-*", "kiro-fast"],
        "auth_type": "oauth",
        "credential_schema": {"type": "object", "properties": {"creds_file_path": {"type": "string"}}},
    },
    "binary": {
        "binary_name": "kiro-provider-cli",
        "github_owner": "acme",
        "github_repo": "kiro-provider",
        "platform_binaries": {"linux-x64": "kiro-x86_64-unknown-linux-gnu", "macos-arm64": "kiro-aarch64-apple"},
        "checksum_file": "checksums.txt",
    },
    "ui": {
        "surfaces": ["oauth_providers"],
        "title": "Kiro",
        "entry": "dist/index.js",
        "styles": "dist/styles.css",
        "default_width": 900,
        "default_height": 700,
        "permissions": ["database:read", "http:request"],
    },
    "permissions": ["http:request", "crypto:encrypt"],
    "something_new": {"x": 1},
}


def test_a_whole_plugin_json_is_understood_and_unknown_keys_are_ignored() -> None:
    manifest = PluginManifest.model_validate(KIRO)
    assert manifest.wanted_permissions == ("http:request", "crypto:encrypt", "database:read")
    assert manifest.provider is not None
    made = manifest.provider.manifest(manifest)
    assert (made.id, made.name, made.protocols, made.group) == ("kiro-cli", "Kiro (CLI)", ("anthropic",), "oauth")
    assert (made.models, made.known_models) == (("claude-*", "kiro-fast"), ("kiro-fast",))
    assert not made.needs_secret


@pytest.mark.parametrize(
    ("protocol", "auth", "header", "prefix"),
    [
        ("openai", "api_key", "Authorization", "Bearer "),
        ("anthropic", "api_key", "x-api-key", ""),
        ("gemini", "api_key", "x-goog-api-key", ""),
        ("anthropic", "oauth", "Authorization", "Bearer "),
        ("openai", "cookie", "Cookie", ""),
        ("openai", {"type": "api_key", "header": "X-Key", "prefix": "Key "}, "X-Key", "Key "),
        ("openai", "none", "", ""),
    ],
)
def test_a_provider_block_says_how_its_secret_is_sent(protocol: str, auth: Any, header: str, prefix: str) -> None:
    block = {"id": "acme", "target_protocol": protocol, "auth_type": auth}
    manifest = PluginManifest.model_validate(making.described(provider=block))
    assert manifest.provider is not None
    made = manifest.provider.manifest(manifest)
    assert (made.auth_header, made.auth_prefix, made.needs_secret) == (header, prefix, auth != "none")


def test_an_older_schema_calls_the_secret_api_key() -> None:
    schema = {"required": ["api_key"], "properties": {"api_key": {"title": "Key"}, "base_url": {"type": "string"}}}
    manifest = PluginManifest.model_validate(making.described(provider={"id": "acme", "credential_schema": schema}))
    assert manifest.provider is not None
    made = manifest.provider.manifest(manifest)
    assert made.needs_secret and set(made.credential_schema["properties"]) == {"secret", "base_url"}


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\\b", "con", "nul.txt", "x" * 65, "dot.", "ü", "a b"])
def test_a_name_that_is_no_folder_everywhere_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        PluginManifest.model_validate({"name": name})


@pytest.mark.parametrize("path", ["/bin/sh", "../other/main.py", "a/../../b", "C:\\x", "a\\..\\b"])
@pytest.mark.parametrize(
    "where", [["entry"], ["binary", "binary_name"], ["ui", "entry"], ["binary", "platform_binaries", "linux-x64"]]
)
def test_a_path_out_of_the_folder_is_refused(where: list[str], path: str) -> None:
    data = json.loads(json.dumps(KIRO))
    inner = data
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = path
    with pytest.raises(ValidationError, match="inside the plugin's folder"):
        PluginManifest.model_validate(data)


@pytest.mark.parametrize(
    ("files", "described", "runtime"),
    [
        ({}, {}, Runtime.MANIFEST),
        ({"__init__.py": ""}, {}, Runtime.PYTHON),
        ({"main.py": ""}, {"entry": "main.py"}, Runtime.PYTHON),
        ({"acme/__init__.py": ""}, {"entry": "acme"}, Runtime.PYTHON),
        ({"acme": ""}, {"entry": "acme"}, Runtime.EXECUTABLE),
        ({"main.py": ""}, {"entry": "main.py", "command": ["python3", "main.py"]}, Runtime.EXECUTABLE),
        ({"bin/acme": ""}, {"binary": {"binary_name": "acme"}}, Runtime.EXECUTABLE),
    ],
)
def test_how_a_plugin_runs(tmp_path: Path, files: dict[str, str], described: Any, runtime: Runtime) -> None:
    plugin = folders.read(making.write(tmp_path, json_=making.described(**described), files=files))
    assert (plugin.problem, plugin.runtime) == ("", runtime)


def test_an_executable_is_found_in_its_folder_in_bin_or_on_the_path(tmp_path: Path) -> None:
    def argv(described: Any, files: dict[str, str]) -> list[str]:
        return folders.read(
            making.write(tmp_path, described["name"], json_=making.described(**described), files=files)
        ).argv()

    assert argv({"name": "a", "entry": "run"}, {"run": ""}) == [str(tmp_path / "a" / "run")]
    assert argv({"name": "b", "binary": {"binary_name": "tool"}}, {"bin/tool": ""}) == [str(tmp_path / "b/bin/tool")]
    program, *rest = argv({"name": "c", "command": ["sh", "main.sh"]}, {"main.sh": ""})
    assert Path(program).is_absolute() and rest == ["main.sh"]
    with pytest.raises(PluginError, match="no-such-program"):
        argv({"name": "d", "command": ["no-such-program"]}, {})
    with pytest.raises(PluginError, match="missing"):
        argv({"name": "e", "binary": {"binary_name": "tool"}}, {})
    making.write(tmp_path, "f")
    (tmp_path / "f" / "run").symlink_to("/bin/sh")
    with pytest.raises(PluginError, match="link out"):
        argv({"name": "f", "entry": "run"}, {})


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("plugin.json", "{", "plugin.json: JSONDecodeError"),
        ("plugin.json", "[]", "plugin.json: "),
        ("plugin.json", '{"name": "../x"}', "plugin.json: name"),
        ("config.json", "{", "config.json: JSONDecodeError"),
        ("config.json", '{"timeout_ms": 0}', "config.json: timeout_ms"),
    ],
)
def test_what_is_wrong_with_a_folder_is_its_problem(tmp_path: Path, file: str, text: str, problem: str) -> None:
    folder = making.write(tmp_path)
    (folder / file).write_text(text)
    assert folders.read(folder).problem.startswith(problem)


def test_an_empty_folder_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert folders.read(tmp_path / "empty").problem == "neither plugin.json nor manifest.toml in it"


def test_a_manifest_toml_alone_is_a_plugin_and_says_more_than_a_provider_block(tmp_path: Path) -> None:
    folder = making.write(tmp_path, json_=making.described(provider={"id": "other"}))
    assert folders.read(folder).provider_manifest().id == "acme"
    (folder / "plugin.json").unlink()
    assert folders.read(folder).provider_manifest().id == "acme"


def test_config_json_is_written_whole_private_and_with_what_it_had(tmp_path: Path) -> None:
    folder = making.write(tmp_path, config={"settings": {"a": 1}, "from_the_future": True})
    configs.write(folder, configs.read(folder).with_changes(enabled=False))
    written = json.loads((folder / "config.json").read_text())
    assert (written["enabled"], written["settings"], written["from_the_future"]) == (False, {"a": 1}, True)
    assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_only_permissions_that_are_asked_for_and_granted_are_there(tmp_path: Path) -> None:
    asked = making.described(permissions=["database:read", "http:request"])
    folder = making.write(tmp_path, json_=asked, config={"permissions": ["http:request", "crypto:encrypt"]})
    assert folders.read(folder).granted == {"http:request"}
    assert PluginConfig().permissions == ()


def test_the_digest_is_that_of_the_version_not_of_what_the_user_has(tmp_path: Path) -> None:
    folder = making.write(tmp_path, files=making.with_code("one"))
    first = folders.read(folder).digest()
    for name in ("config.json", "data/rows.db", "__pycache__/x.pyc"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    assert folders.read(folder).digest() == first
    making.replace_file(folder / "marks.py", "MARK = 'two'\n")
    assert folders.read(folder).digest() != first


@pytest.mark.parametrize(
    ("version", "older"),
    [("1.10", "1.9"), ("v2", "1.99.9"), ("1.0.1", "1.0"), ("1.0", "1.0-beta.2"), ("1.0-beta.10", "1.0-beta.2")],
)
def test_versions_are_compared_as_numbers(version: str, older: str) -> None:
    assert versions.newer(version, older) and not versions.newer(older, version)


def test_the_same_version_is_written_in_several_ways() -> None:
    assert versions.key("v1.0") == versions.key("1") == versions.key("1.0.0+build.5")
