"""Logins of other tools as they are read and renewed: several files, and stores that only their tool writes."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addons.providers.registry import read_manifest
from addons.vault.credential import Credential
from addons.vault.foreign_files import FORMATS
from addons.vault.store import StateStore
from addons.vault.token_sources import LoginError, TokenSource, source_of
from addons.vault.tokens import Token

KIRO = FORMATS["kiro"]
ARN = "arn:aws:codewhisperer:us-east-1:123456789012:profile/ABC"
REGISTRATION = {"client_id": "id-1", "client_secret": "made for this machine", "region": "us-east-1"}
SOCIAL = {"access_token": "a", "refresh_token": "r", "expires_at": "2026-11-21T08:00:00.123456789Z", "profile_arn": ARN}
IDC = {"access_token": "a", "refresh_token": "r", "region": "eu-west-1", "start_url": "https://view.example/start"}


@pytest.fixture
def state(tmp_path: Path) -> StateStore:
    return StateStore(tmp_path / "state.db", tmp_path / "vault.key")


def at(state: StateStore, path: Path) -> TokenSource:
    """A source for that file; the credential is made when it is first asked for."""
    if "kiro" not in state.credentials:
        state.add_credential(Credential("kiro", "kiro", settings={"creds_file_path": str(path)}))
    return source_of(state, state.credentials["kiro"], KIRO)


class Store:
    """kiro-cli's, as the tool itself writes it (kiro.md §1.4)."""

    def __init__(self, path: Path, rows: Mapping[str, Any], profile: str = "") -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
            db.execute("CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB)")
            if profile:
                value = json.dumps({"arn": profile, "profile_name": "p"})
                db.execute("INSERT INTO state VALUES ('api.codewhisperer.profile', ?)", (value,))
            db.commit()
        for key, value in rows.items():
            self.put(key, value)

    def put(self, key: str, value: Any) -> None:
        with closing(sqlite3.connect(self.path)) as db:
            db.execute("INSERT OR REPLACE INTO auth_kv VALUES (?, ?)", (key, json.dumps(value)))
            db.commit()


STORES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "social": (
        {"kirocli:social:token": {**SOCIAL, "provider": "google"}},
        "",
        {"auth_method": "social", "profile_arn": ARN, "provider": "google"},
    ),
    "Identity Center": (
        {"kirocli:odic:token": IDC, "kirocli:odic:device-registration": REGISTRATION},
        ARN,
        {
            "auth_method": "IdC",
            "profile_arn": ARN,
            "region": "eu-west-1",
            "start_url": "https://view.example/start",
            "client_id": "id-1",
            "client_secret": "made for this machine",
        },
    ),
    "external": (
        {
            "kirocli:external-idp:token": {
                "access_token": "a",
                "refresh_token": "r",
                "client_id": "own",
                "token_endpoint": "https://idp.example/token",
                "scopes": "openid offline_access",
            },
            "kirocli:odic:device-registration": REGISTRATION,
        },
        "",
        {
            "auth_method": "external_idp",
            "client_id": "own",
            "token_endpoint": "https://idp.example/token",
            "scopes": "openid offline_access",
        },
    ),
    "Amazon Q": (
        {"codewhisperer:odic:token": IDC, "codewhisperer:odic:device-registration": {**REGISTRATION, "client_id": "q"}},
        "",
        {"auth_method": "IdC", "client_id": "q", "region": "eu-west-1"},
    ),
    "the newer name first": (
        {"codewhisperer:social:token": {**SOCIAL, "access_token": "old"}, "kirocli:social:token": SOCIAL},
        "",
        {"auth_method": "social"},
    ),
}


@pytest.mark.parametrize(("rows", "profile", "extra"), STORES.values(), ids=STORES)
def test_a_store_is_read_with_what_belongs_to_its_login(
    state: StateStore, tmp_path: Path, rows: dict[str, Any], profile: str, extra: dict[str, Any]
):
    token = at(state, Store(tmp_path / "data.sqlite3", rows, profile).path).read()
    assert (token.access, token.refresh) == ("a", "r")
    assert {name: token.extra.get(name) for name in extra} == extra
    assert "client_secret" in token.extra or "odic" not in next(iter(rows))


def test_a_store_is_never_written_and_what_was_renewed_is_kept_here(state: StateStore, tmp_path: Path):
    store = Store(tmp_path / "data.sqlite3", {"kirocli:social:token": SOCIAL})
    before = store.path.read_bytes()
    source = at(state, store.path)
    first = source.read()
    assert first.expires == pytest.approx(1795248000.123456)
    second = source.write(first, Token("a2", "r2", time.time() + 60, first.extra), time.time())
    third = source.write(second, Token("a3", "r3", time.time() + 60, first.extra), time.time())
    assert (source.read().access, third.refresh, source.read().extra["profile_arn"]) == ("a3", "r3", ARN)
    again = at(StateStore(tmp_path / "state.db", tmp_path / "vault.key"), store.path)  # after a restart
    assert again.read().refresh == "r3"
    assert store.path.read_bytes() == before


def test_what_its_tool_has_renewed_meanwhile_is_adopted(state: StateStore, tmp_path: Path):
    store = Store(tmp_path / "data.sqlite3", {"kirocli:social:token": SOCIAL})
    source = at(state, store.path)
    first = source.read()
    source.write(first, Token("a2", "r2", None, first.extra), time.time())
    store.put("kirocli:social:token", {**SOCIAL, "access_token": "theirs", "refresh_token": "their refresh"})
    assert source.read().access == "theirs"
    kept = source.write(Token("a2", "r2"), Token("a3", "r3"), time.time())
    assert kept.refresh == source.read().refresh == "their refresh"


def test_what_stands_in_the_write_ahead_log_is_seen(state: StateStore, tmp_path: Path):
    store = Store(tmp_path / "data.sqlite3", {"kirocli:social:token": SOCIAL})
    with closing(sqlite3.connect(store.path)) as running:  # the tool, which does not close its store
        running.execute("PRAGMA journal_mode=WAL")
        source = at(state, store.path)
        assert source.read().access == "a"
        running.execute("UPDATE auth_kv SET value = ?", (json.dumps({**SOCIAL, "access_token": "b"}),))
        running.commit()
        assert source.read().access == "b"


@pytest.mark.parametrize(
    ("content", "said", "passing"),
    [(None, "cannot be read", False), ("rows", "no login", False), ("text", "not a database", True)],
)
def test_a_store_without_a_login_says_so(
    state: StateStore, tmp_path: Path, content: str | None, said: str, passing: bool
):
    path = tmp_path / "data.sqlite3"
    if content == "rows":
        Store(path, {"kirocli:odic:device-registration": REGISTRATION})
        os.utime(path, (1, 1))
    elif content == "text":
        path.write_text("no database " * 100)
    with pytest.raises(LoginError, match=said) as caught:
        at(state, path).read()
    assert caught.value.passing == passing


def ide(home: Path, **changes: Any) -> Path:
    """What Kiro's IDE leaves after a login by Identity Center (kiro.md §1.1 to §1.3)."""
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "abc123.json").write_text(json.dumps({"clientId": "id-1", "clientSecret": "made for this machine"}))
    profile = home / ".config" / "Kiro" / "User" / "globalStorage" / "kiro.kiroagent" / "profile.json"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(json.dumps({"arn": ARN}))
    login = {
        "accessToken": "a",
        "refreshToken": "r",
        "expiresAt": "2026-11-21T08:00:00.000Z",
        "authMethod": "IdC",
        "provider": "BuilderId",
        "region": "us-east-1",
        "clientIdHash": "abc123",
    }
    path = cache / "kiro-auth-token.json"
    path.write_text(json.dumps({**login, **changes}))
    return path


def test_the_ides_further_files_are_parts_of_its_login(state: StateStore, tmp_path: Path):
    extra = at(state, ide(tmp_path)).read().extra
    assert (extra["client_id"], extra["client_secret"], extra["profile_arn"]) == ("id-1", "made for this machine", ARN)
    assert (extra["auth_method"], extra["provider"], extra["region"]) == ("IdC", "BuilderId", "us-east-1")


def test_what_the_login_itself_says_goes_first(state: StateStore, tmp_path: Path):
    extra = at(state, ide(tmp_path, profileArn="its own", clientId="own")).read().extra
    assert (extra["profile_arn"], extra["client_id"]) == ("its own", "own")


def test_a_renewed_login_does_not_carry_further_files_into_its_own(state: StateStore, tmp_path: Path):
    path = ide(tmp_path)
    source = at(state, path)
    first = source.read()
    source.write(first, replace(first, access="a2", refresh="r2"), time.time())
    written = json.loads(path.read_text())
    assert (written["accessToken"], written["refreshToken"]) == ("a2", "r2")
    assert not {"clientId", "clientSecret", "profileArn"} & set(written)
    assert source.read().extra["client_secret"] == "made for this machine"


def test_a_further_file_that_changes_is_read_again(state: StateStore, tmp_path: Path):
    path = ide(tmp_path)
    source = at(state, path)
    assert source.read().extra["client_id"] == "id-1"
    (path.parent / "abc123.json").write_text(json.dumps({"clientId": "registered again", "clientSecret": "s"}))
    assert source.read().extra["client_id"] == "registered again"


@pytest.mark.parametrize("name", ["../../etc/secrets", "a/b", "..", ".hidden", "a\\b", ""])
def test_a_name_that_leads_elsewhere_is_not_followed(state: StateStore, tmp_path: Path, name: str):
    path = ide(tmp_path, clientIdHash=name)
    assert "client_secret" not in at(state, path).read().extra


def test_a_provider_may_bring_the_form_of_its_tools_file(state: StateStore, tmp_path: Path):
    manifest = read_manifest(
        """
        id = "acme"
        name = "Acme"
        protocols = ["anthropic"]
        [oauth]
        token_url = "https://acme.example/token"
        [oauth.file]
        access = "auth.access"
        refresh = "auth.refresh"
        expires = "auth.until"
        unit = "iso"
        extra = { team = "account.team" }
        [[oauth.file.beside]]
        path = "{team}.json"
        extra = { plan = "plan.name" }
        """
    )
    path = tmp_path / "acme.json"
    path.write_text(json.dumps({"auth": {"access": "a", "refresh": "r"}, "account": {"team": "t1"}}))
    (tmp_path / "t1.json").write_text(json.dumps({"plan": {"name": "big"}}))
    state.add_credential(Credential("acme", "acme", settings={"creds_file_path": str(path)}))
    assert manifest.oauth is not None
    source = source_of(state, state.credentials["acme"], manifest.oauth.tools)
    token = source.read()
    assert token.extra == {"team": "t1", "plan": "big"}
    source.write(token, Token("a2", "r2", 1_795_248_000.0, token.extra), time.time())
    assert json.loads(path.read_text())["auth"] == {
        "access": "a2",
        "refresh": "r2",
        "until": "2026-11-21T08:00:00.000Z",
    }
