"""Header profiles: data of a folder or of the user's, filled with true facts."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from addons.config.home import Home
from addons.providers import header_profile, machine
from addons.providers.header_profile import HeaderProfile, HeaderProfileError
from addons.vault.credential import Credential

OWN = """
updated = "2026-08-01"
[facts]
version = "1.2.3"
auth = "bearer"
[[installed]]
fact = "version"
command = "agent"
package = "@maker/agent"
[[headers]]
name = "User-Agent"
value = "agent/{version} ({os}; {arch}) {machine_id}"
source = "agent.md §5"
[[headers]]
name = "x-request"
value = "{request_id}"
source = "agent.md §5"
purposes = ["generate"]
[[headers]]
name = "x-account"
value = "{account}"
source = "agent.md §5"
[[headers]]
name = "tokentype"
value = "API_KEY"
source = "agent.md §2"
when = { auth = "key" }
"""
CREDENTIAL = Credential("one", "agent", "secret")


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXYCAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(header_profile, "FRESH", 0.0)


def profile(folder: Path, text: str = OWN) -> HeaderProfile:
    folder.mkdir(exist_ok=True)
    (folder / header_profile.FILE).write_text(text)
    return HeaderProfile("agent", folder)


def sent(
    own: HeaderProfile, purpose: str = "generate", credential: Credential = CREDENTIAL, **facts: str
) -> Mapping[str, str]:
    return dict(own.headers(purpose, credential, facts))


def test_places_are_filled_with_facts_of_the_file_and_of_the_machine(tmp_path: Path) -> None:
    told = machine.facts()
    agent = sent(profile(tmp_path / "agent"))["User-Agent"]
    assert agent == f"agent/1.2.3 ({told['os']}; {told['arch']}) {machine.machine_id()}"


def test_a_header_with_an_unknown_place_is_not_sent(tmp_path: Path) -> None:
    own = profile(tmp_path / "agent")
    assert "x-account" not in sent(own)
    assert sent(own, account="a-1")["x-account"] == "a-1"


def test_a_header_goes_with_its_purposes_and_conditions_alone(tmp_path: Path) -> None:
    own = profile(tmp_path / "agent")
    assert "x-request" in sent(own)
    assert "x-request" not in sent(own, "refresh")
    assert "tokentype" not in sent(own)
    assert sent(own, auth="key")["tokentype"] == "API_KEY"


def test_only_ids_of_requests_differ_between_two_calls(tmp_path: Path) -> None:
    own = profile(tmp_path / "agent")
    first, second = sent(own), sent(own)
    assert {name for name in first if first[name] != second[name]} == {"x-request"}


def test_the_users_installation_tells_its_version(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "agent"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"name": "@maker/agent", "version": "9.8.7"}))
    script = package / "dist" / "cli.js"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "agent").symlink_to(script)
    assert sent(profile(tmp_path / "agent"))["User-Agent"].startswith("agent/9.8.7 ")


def test_another_package_of_the_same_command_tells_nothing(tmp_path: Path) -> None:
    package = tmp_path / "bin"
    package.mkdir()
    (package / "package.json").write_text(json.dumps({"name": "other", "version": "9.8.7"}))
    (package / "agent").write_text("#!/bin/sh\n")
    (package / "agent").chmod(0o755)
    assert sent(profile(tmp_path / "agent"))["User-Agent"].startswith("agent/1.2.3 ")


def test_a_version_that_is_none_does_not_reach_a_header(tmp_path: Path) -> None:
    package = tmp_path / "bin"
    package.mkdir()
    (package / "package.json").write_text(json.dumps({"name": "@maker/agent", "version": "1\r\nx-evil: 1"}))
    (package / "agent").write_text("#!/bin/sh\n")
    (package / "agent").chmod(0o755)
    assert sent(profile(tmp_path / "agent"))["User-Agent"].startswith("agent/1.2.3 ")


def test_a_newer_file_of_the_users_goes_before_ours_and_is_read_while_running(tmp_path: Path) -> None:
    own = profile(tmp_path / "agent")
    assert "x-account" not in sent(own)
    users = tmp_path / "home" / "headers" / "agent.toml"
    users.parent.mkdir(parents=True)
    users.write_text('updated = "2026-11-01"\n[facts]\nversion = "2.0"\naccount = "mine"\n')
    assert sent(own)["x-account"] == "mine"
    assert own.data.updated == "2026-11-01"
    users.unlink()
    assert "x-account" not in sent(own)


def test_a_broken_file_of_the_users_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = profile(tmp_path / "agent")
    users = tmp_path / "home" / "headers" / "agent.toml"
    users.parent.mkdir(parents=True)
    users.write_text("[facts\n")
    assert sent(own)["User-Agent"].startswith("agent/1.2.3 ")
    assert "agent.toml" in caplog.text


def test_a_login_from_another_machine_keeps_its_machine_id(tmp_path: Path) -> None:
    brought = Credential("one", "agent", "secret", {"machine_id": "ab" * 32})
    assert sent(profile(tmp_path / "agent"), credential=brought)["User-Agent"].endswith("ab" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "headers = 3",
        '[[headers]]\nname = "a"\nvalue = "b"\n',
        '[[headers]]\nname = "a"\nvalue = "b"\nsource = ""\n',
        '[[headers]]\nname = "a"\nvalue = "b"\nsource = "c"\nother = 1\n',
        "[other]\nx = 1\n",
    ],
)
def test_what_is_no_header_profile_is_refused(text: str) -> None:
    with pytest.raises(HeaderProfileError):
        header_profile.parse(text)


def test_a_machine_without_an_id_gets_one_that_stays(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first = machine.machine_id(home, own=str)
    assert len(first) == 64
    assert machine.machine_id(home, own=str) == first
    assert (home.path / machine.KEPT).stat().st_mode & 0o077 == 0
    assert machine.machine_id(Home(tmp_path / "other"), own=str) != first
