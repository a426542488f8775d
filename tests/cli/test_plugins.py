"""`proxycast plugins`: what each command does, says, prints for scripts, and exits with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from addons.cli import questions
from addons.config.home import Home
from addons.plugins.install.releases import API_VARIABLE
from tests.plugins import making
from tests.plugins.install import packing
from tests.plugins.install.server import Server

Done = Callable[..., str]
Read = Callable[..., Any]
Refused = Callable[..., str]


@pytest.fixture
def author(tmp_path: Path) -> Path:
    """A plugin's folder as its author has it."""
    described = making.described(description="Acme", permissions=["http:request", "fly"])
    return making.write(tmp_path / "author", json_=described, files=making.with_code("one"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        monkeypatch.setenv(API_VARIABLE, running.url)
        yield running


def test_a_plugin_from_its_installation_to_its_end(author: Path, home: Home, done: Done, read: Read) -> None:
    done("plugins", "install", str(author), "--yes")
    assert read("plugins", "list") == [
        {
            "name": "acme",
            "version": "1.0.0",
            "status": "active",
            "provider": "acme",
            "runs": "python",
            "problem": None,
        }
    ]
    assert "acme" in [row["id"] for row in read("providers", "list")]
    done("credentials", "add", "acme", "--name", "mine", given="a-secret")
    assert read("plugins", "disable", "acme")["status"] == "disabled"
    assert "acme" not in [row["id"] for row in read("providers", "list")]
    assert read("plugins", "enable", "acme")["status"] == "active"
    (home.plugins / "acme" / "data").mkdir()
    removed = read("plugins", "remove", "acme", "--yes")
    assert removed == {"name": "acme", "data_kept": True, "unused_credentials": ["mine"]}
    assert read("plugins", "list") == []
    assert not read("plugins", "remove", "acme", "--data", "--yes")["data_kept"]
    assert not (home.plugins / "acme").exists()


def test_before_it_is_installed_its_user_reads_what_it_may_and_what_it_can(
    author: Path, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "interactive", lambda: True)
    said = command("plugins", "install", str(author), given="n\n")
    assert said.exit_code == 1
    for part in ("Acme", "http:request (send web requests", "fly (unknown", "inside the gateway", "sha256 of acme"):
        assert part in said.stderr
    assert "nothing was changed" in said.stderr
    assert command("plugins", "install", str(author), given="y\n").exit_code == 0


def test_of_an_executable_it_is_said_that_it_has_its_users_rights(
    tmp_path: Path, command: Callable[..., Result], home: Home
) -> None:
    described = making.described(provider={"id": "acme"}, entry="run")
    folder = making.write(tmp_path / "author", json_=described, manifest=None, files={"run": making.PROGRAM})
    said = command("plugins", "install", str(folder), "--yes")
    assert "Otherwise it runs with your rights" in said.stderr


def test_where_nobody_can_be_asked_yes_must_be_said(author: Path, refused: Refused, command: Any, home: Home) -> None:
    said = command("plugins", "install", str(author))
    assert said.exit_code == 2 and "--yes" in said.stderr
    assert {path.name for path in home.plugins.iterdir()} <= {".lock"}


def test_for_scripts_the_installation_tells_sums_and_grants(author: Path, read: Read) -> None:
    told = read("plugins", "install", str(author), "--yes")
    assert told["permissions"] == ["http:request"]
    assert [row["against"] for row in told["checksums"]] == [""] and len(told["checksums"][0]["sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("install", "/no/such/thing.zip", "--yes"), "no file or folder"),
        (("install", "x.zip", "--sha256", "abc"), "64 hexadecimal digits"),
        (("info", "nobody"), "there is no plugin 'nobody'; there are: none"),
        (("enable", "nobody"), "there is no plugin 'nobody'"),
        (("disable", "../x"), "there is no plugin '../x'"),
        (("remove", "nobody", "--yes"), "there is no plugin 'nobody'"),
        (("remove", "nobody"), "there is no plugin 'nobody'"),
        (("install", "./thing", "--yes"), "no file or folder './thing'"),
        (("install", "thing/..", "--yes"), "no file or folder 'thing/..'"),
        (("install", "dist/thing.zip", "--yes"), "no file or folder 'dist/thing.zip'"),
        (("install", "https://me:hidden@acme.example/a.zip", "--yes"), "https://acme.example/a.zip: plugins are"),
        (("update", "nobody"), "there is no plugin 'nobody'"),
        (("new", "kiro"), "'kiro' is the name of a provider"),
        (("new", "deepseek"), "'deepseek' is the name of a provider"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(refused: Refused, arguments: tuple[str, ...], line: str) -> None:
    assert line in refused("plugins", *arguments)


def test_a_new_one_that_cannot_be_written_is_said_of_its_own_place(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "thing").symlink_to("nowhere/there")
    line = refused("plugins", "new", "thing", "--into", str(tmp_path))
    assert f"{tmp_path / 'thing'} cannot be written" in line


def test_update_wants_a_name_or_all(refused: Refused) -> None:
    assert "--all" in refused("plugins", "update", status=2)


def test_a_broken_plugin_is_listed_with_its_problem_and_other_commands_work(home: Home, read: Read, done: Done) -> None:
    making.write(home.plugins, files={"__init__.py": "1 / 0"})
    row = read("plugins", "list")[0]
    assert row["status"] == "broken" and "ZeroDivisionError" in row["problem"]
    assert "anthropic" in done("providers", "list")
    assert "ZeroDivisionError" in done("plugins", "info", "acme")


def test_info_tells_all_but_the_values_of_settings(author: Path, home: Home, done: Done, read: Read) -> None:
    done("plugins", "install", str(author), "--yes")
    path = home.plugins / "acme" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "settings": {"token": "hidden-value"}}))
    told = read("plugins", "info", "acme")
    assert told["permissions"] == {"http:request": True, "fly": False}
    assert told["settings"] == ["token"] and told["source"] == str(author)
    assert "hidden-value" not in done("plugins", "info", "acme")


def test_enabling_one_that_was_put_there_by_hand_grants_what_it_wants(home: Home, read: Read, command: Any) -> None:
    making.write(home.plugins, json_=making.described(permissions=["http:request"]))
    assert read("plugins", "info", "acme")["permissions"] == {"http:request": False}
    assert command("plugins", "enable", "acme").exit_code == 2, "that wants to be agreed to"
    said = command("plugins", "enable", "acme", "--yes")
    assert "wants: http:request" in said.stderr
    assert read("plugins", "info", "acme")["permissions"] == {"http:request": True}


def test_what_a_release_has_is_checked_and_fetched(
    tmp_path: Path, author: Path, server: Server, read: Read, done: Done, refused: Refused
) -> None:
    server.release("acme/acme", "v1.0.0", {"acme.zip": packing.of_folder(author)})
    done("plugins", "install", "acme/acme", "--yes")
    assert read("plugins", "update", "--check") == [
        {"name": "acme", "version": "1.0.0", "newest": "1.0.0", "update": False, "problem": None}
    ]
    newer = making.write(tmp_path / "newer", json_=making.described(version="1.10.0"), files=making.with_code("two"))
    server.release("acme/acme", "v1.10.0", {"acme.zip": packing.of_folder(newer)})
    assert read("plugins", "update", "acme", "--check")[0]["update"] is True
    assert read("plugins", "list")[0]["version"] == "1.0.0", "it only looked"
    assert read("plugins", "update", "--all") == [
        {"name": "acme", "version": "1.0.0", "newest": "1.10.0", "updated": True, "problem": None}
    ]
    assert read("plugins", "update", "acme")[0]["updated"] is False
    assert read("plugins", "list")[0]["version"] == "1.10.0"


def test_of_an_archive_it_is_said_that_nothing_tells_its_version(tmp_path: Path, author: Path, read: Read) -> None:
    archive = tmp_path / "acme.zip"
    archive.write_bytes(packing.of_folder(author))
    read("plugins", "install", str(archive), "--yes")
    [row] = read("plugins", "update", "--check")
    assert row["newest"] is None
    assert "its source is an archive" in row["problem"]


def test_an_update_that_wants_more_asks_and_one_that_fails_is_told(
    tmp_path: Path, author: Path, command: Any, read: Read, done: Done
) -> None:
    done("plugins", "install", str(author), "--yes")
    assert read("plugins", "update", "acme")[0]["updated"] is False, "it is the same"
    described = making.described(version="1.1.0", permissions=["http:request", "crypto:encrypt"])
    (author / "plugin.json").write_text(json.dumps(described))
    assert command("plugins", "update", "acme").exit_code == 2, "nobody was there to be asked"
    assert read("plugins", "list")[0]["version"] == "1.0.0"
    assert read("plugins", "update", "acme", "--yes")[0]["updated"] is True
    (author / "plugin.json").write_text(json.dumps({**described, "version": "1.2.0"}))
    (author / "__init__.py").write_text("1 / 0")
    said = command("plugins", "update", "--all", "--json")
    assert said.exit_code == 1 and "ZeroDivisionError" in json.loads(said.stdout)[0]["problem"]
    assert read("plugins", "list")[0]["status"] == "active"


def test_an_archive_s_sum_can_be_given(
    author: Path, tmp_path: Path, refused: Refused, done: Done, command: Any
) -> None:
    archive = tmp_path / "acme.zip"
    archive.write_bytes(packing.of_folder(author))
    said = command("plugins", "install", str(archive), "--sha256", "0" * 64, "--yes")
    assert said.exit_code == 1 and "is not what --sha256 says" in said.stderr
    done("plugins", "install", str(archive), "--sha256", hashlib.sha256(archive.read_bytes()).hexdigest(), "--yes")


def test_the_doctor_names_broken_plugins(home: Home, command: Any, done: Done) -> None:
    done("keys", "create", "laptop")
    making.write(home.plugins, files={"__init__.py": "1 / 0"})
    assert "acme: its code cannot be imported" in command("doctor").output


def test_the_place_of_a_built_in_provider_is_taken_when_its_user_says_so(
    tmp_path: Path, home: Home, refused: Refused, done: Done, read: Read, command: Any
) -> None:
    described = making.described(name="theirs")
    folder = making.write(tmp_path / "author", name="theirs", id="deepseek", json_=described)
    said = command("plugins", "install", str(folder), "--yes")
    assert said.exit_code == 1 and "--replace-builtin" in said.stderr
    done("plugins", "install", str(folder), "--yes", "--replace-builtin")
    assert read("plugins", "list")[0]["provider"] == "deepseek"
    done("plugins", "install", str(folder), "--yes")  # it stays so
    assert read("plugins", "info", "theirs")["replaces_builtin"] is True


@pytest.mark.parametrize("kind", ["python", "executable"])
def test_a_new_one_is_written_and_can_be_installed(
    kind: str, tmp_path: Path, read: Read, done: Done, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    told = read("plugins", "new", "zenith", f"--{kind}")
    assert told["kind"] == kind and "plugin.json" in told["files"]
    done("plugins", "install", "zenith", "--yes")
    assert read("plugins", "list")[0]["status"] == "active"
    assert "already" in refused("plugins", "new", "zenith")
    assert "small letters" in refused("plugins", "new", "Zenith")


def test_its_own_settings_are_set_as_its_schema_says_and_never_shown(
    home: Home, read: Read, done: Done, refused: Refused, command: Any
) -> None:
    schema = {"properties": {"retries": {"type": "integer", "title": "How often"}, "token": {"type": "string"}}}
    making.write(home.plugins, json_=making.described(settings_schema=schema))
    assert read("plugins", "configure", "acme")["settings"] == [
        {"field": "retries", "set": False, "meaning": "How often"},
        {"field": "token", "set": False, "meaning": ""},
    ]
    done("plugins", "configure", "acme", "--set", "retries=3", "--timeout-ms", "500")
    told = command("plugins", "configure", "acme", "--secret", "token", given="hidden-value\n")
    assert told.exit_code == 0 and "hidden-value" not in told.output
    config = json.loads((home.plugins / "acme" / "config.json").read_text())
    assert (config["settings"], config["timeout_ms"]) == ({"retries": 3, "token": "hidden-value"}, 500)
    assert "retries must be" in refused("plugins", "configure", "acme", "--set", "retries=often", status=2)
    assert "field=value" in refused("plugins", "configure", "acme", "--set", "retries", status=2)
    assert "names no setting 'other'" in command("plugins", "configure", "acme", "--set", "other=x").stderr
    done("plugins", "configure", "acme", "--unset", "retries", "--unset", "other")
    assert "retries is not set" in refused("plugins", "configure", "acme", "--unset", "retries")
    config = json.loads((home.plugins / "acme" / "config.json").read_text())
    assert config["settings"] == {"token": "hidden-value"}


def test_a_package_s_plugin_is_switched_by_the_command_and_removed_with_its_package(
    tmp_path: Path, read: Read, done: Done, refused: Refused, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.package(tmp_path / "site", "packed")
    monkeypatch.syspath_prepend(tmp_path / "site")
    told = read("plugins", "info", "packed")
    assert (told["version"], told["description"], told["source"]) == ("2.5", "Packaged", "entry point")
    assert read("plugins", "disable", "packed")["status"] == "disabled"
    assert "packed" not in [row["id"] for row in read("providers", "list")]
    assert read("plugins", "enable", "packed")["status"] == "active"
    done("plugins", "configure", "packed", "--set", "a=b")
    assert read("plugins", "info", "packed")["settings"] == ["a"]
    assert "comes with an installed Python package" in refused("plugins", "remove", "packed", "--yes")
    assert [path.name for path in (home.plugins / "packed").iterdir()] == ["config.json"]
