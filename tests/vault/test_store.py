"""state.db: what one process writes another sees at once; secrets stand in it encrypted, keys hashed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from addons.vault.cipher import VaultError
from addons.vault.credential import Credential
from addons.vault.keys import ClientKey, digest, generate
from addons.vault.store import OBJECTS_KEPT, DuplicateError, NotFoundError, StateStore

SECRET = "sk-" + "test-secret-1234567890"


class Opener:
    """Opens the same home again and again, as other processes do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key_file = folder / "vault.key"
        self._open: list[StateStore] = []

    def __call__(self) -> StateStore:
        store = StateStore(self.folder / "state.db", self.key_file)
        self._open.append(store)
        return store

    def close(self) -> None:
        for store in self._open:
            store.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(tmp_path)
    yield opener
    opener.close()


def test_a_credential_comes_back_whole(opened: Opener):
    credential = Credential("a", "openai", SECRET, {"base_url": "http://x/v1", "models": {"a": "b"}}, False, 7, 3, 12.5)
    opened().add_credential(credential)
    assert opened().credentials == {"a": credential}


def test_another_connection_sees_a_change_at_once(opened: Opener):
    writer, reader = opened(), opened()
    assert reader.credentials == {}
    before = reader.version
    writer.add_credential(Credential("a", "openai", SECRET))
    assert reader.credentials["a"].secret == SECRET
    assert reader.version != before
    writer.update_credential(replace(writer.credentials["a"], enabled=False))
    assert not reader.credentials["a"].enabled
    writer.remove_credential("a")
    assert reader.credentials == {}


def test_a_store_sees_its_own_changes_and_counts_them(opened: Opener):
    store = opened()
    before = store.version
    store.add_credential(Credential("a", "demo"))
    assert "a" in store.credentials
    assert store.version != before
    assert store.version == store.version


def test_credentials_stand_in_order_of_priority_then_age(opened: Opener):
    store = opened()
    for name, priority, created in (("late", 100, 3.0), ("first", 1, 9.0), ("early", 100, 2.0)):
        store.add_credential(Credential(name, "demo", priority=priority, created=created))
    assert list(store.credentials) == ["first", "early", "late"]


def test_neither_secrets_nor_keys_can_be_read_from_the_files(opened: Opener, tmp_path: Path):
    key, store = generate(), opened()
    store.add_credential(Credential("a", "openai", SECRET))
    store.add_key("k", key)
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert SECRET.encode() not in everything
    assert key.encode() not in everything
    assert digest(key).encode() in everything


@pytest.mark.parametrize(
    "settings",
    [
        {"proxy_url": f"http://me:{SECRET}@127.0.0.1:1"},
        {"headers": {"Authorization": f"Bearer {SECRET}"}, "base_url": "https://one.example"},
        {"client_secret": SECRET},
    ],
)
def test_secrets_among_settings_are_encrypted_too(opened: Opener, tmp_path: Path, settings: dict[str, Any]):
    store = opened()
    store.add_credential(Credential("added", "openai", settings=settings))
    store.add_credential(Credential("edited", "openai"))
    store.update_credential(Credential("edited", "openai", settings=settings), secret=False)
    store.take_over([Credential("imported", "openai", settings=settings)], [])
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [one.settings for one in opened().credentials.values()] == [settings] * 3


def test_with_a_lost_key_their_credential_is_said_and_no_other_key_made(opened: Opener):
    opened().add_credential(Credential("a", "openai", settings={"client_secret": SECRET}))
    saved = opened.key_file.read_bytes()
    opened.key_file.unlink()
    store = opened()
    assert (list(store.credentials), list(store.problems)) == ([], ["a"])
    with pytest.raises(VaultError):
        store.add_credential(Credential("b", "openai", SECRET))
    opened.key_file.write_bytes(saved)
    assert opened().credentials["a"].settings == {"client_secret": SECRET}


def test_every_file_is_its_owners_alone(opened: Opener, tmp_path: Path):
    opened().add_credential(Credential("a", "openai", SECRET))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert {"state.db", "state.db-wal", "vault.key"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_with_a_lost_key_file_nothing_is_lost(opened: Opener):
    opened().add_credential(Credential("a", "openai", SECRET))
    opened().add_credential(Credential("local", "demo"))
    saved = opened.key_file.read_bytes()
    opened.key_file.unlink()
    store = opened()
    assert list(store.credentials) == ["local"]
    assert "restore it from a backup" in store.problems["a"]
    with pytest.raises(VaultError):
        store.add_credential(Credential("b", "openai", SECRET))
    opened.key_file.write_bytes(saved)
    assert opened().credentials["a"].secret == SECRET


@pytest.mark.parametrize("settings", [{}, {"client_secret": SECRET}])
def test_with_another_key_in_its_place_nothing_is_encrypted(opened: Opener, settings: dict[str, Any]):
    opened().add_credential(Credential("a", "openai", "" if settings else SECRET, settings))
    saved = opened.key_file.read_bytes()
    opened.key_file.write_bytes(Fernet.generate_key())
    store = opened()
    assert (store.credentials, list(store.problems)) == ({}, ["a"])
    with pytest.raises(VaultError, match="does not open this credential"):
        store.add_credential(Credential("b", "openai", SECRET))
    with pytest.raises(VaultError):
        store.update_credential(Credential("a", "openai", "another"))
    opened.key_file.write_bytes(saved)
    store = opened()
    assert (list(store.credentials), store.problems) == (["a"], {})
    store.add_credential(Credential("b", "openai", SECRET))
    assert list(opened().credentials) == ["a", "b"]


def test_after_the_last_secret_is_removed_a_new_key_may_be_made(opened: Opener):
    opened().add_credential(Credential("a", "openai", SECRET))
    opened.key_file.unlink()
    store = opened()
    store.remove_credential("a")
    store.add_credential(Credential("b", "openai", SECRET))
    assert opened().credentials["b"].secret == SECRET


def test_a_name_is_given_once(opened: Opener):
    store = opened()
    store.add_credential(Credential("a", "demo"))
    store.add_key("k", generate())
    with pytest.raises(DuplicateError, match="'a'"):
        store.add_credential(Credential("a", "demo"))
    with pytest.raises(DuplicateError, match="'k'"):
        store.add_key("k", generate())


CHANGES: dict[str, Callable[[StateStore], None]] = {
    "remove a credential": lambda store: store.remove_credential("x"),
    "update a credential": lambda store: store.update_credential(Credential("x", "demo")),
    "remove a key": lambda store: store.remove_key("x"),
    "enable a key": lambda store: store.enable_key("x", True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_not_there_cannot_be_changed(opened: Opener, change: Callable[[StateStore], None]):
    with pytest.raises(NotFoundError, match="'x'"):
        change(opened())


def test_a_removed_or_disabled_key_is_refused_at_once(opened: Opener):
    key, gateway, command = generate(), opened(), opened()
    command.add_key("k", key, "work")
    found = gateway.find_key(key)
    assert found is not None
    assert found.profile == "work"
    command.enable_key("k", False)
    assert gateway.find_key(key) is None
    command.enable_key("k", True)
    assert gateway.find_key(key) is not None
    command.remove_key("k")
    assert gateway.find_key(key) is None


def test_an_object_belongs_to_the_credential_that_made_it(opened: Opener):
    opened().remember_object("file-1", "a")
    assert opened().object_owner("file-1") == "a"
    assert opened().object_owner("file-2") is None


def test_what_is_taken_over_is_all_there_or_nothing(opened: Opener):
    store = opened()
    store.add_credential(Credential("a", "demo", priority=1))
    keys = [ClientKey("k1", "same-hash"), ClientKey("k2", "hash-2")]
    store.take_over([Credential("a", "openai", SECRET), Credential("b", "demo")], keys)
    assert opened().credentials["a"].provider == "openai"
    assert [key.name for key in opened().keys] == ["k1", "k2"]
    with pytest.raises(sqlite3.Error):
        store.take_over([Credential("c", "demo")], [ClientKey("k3", None)])  # type: ignore[arg-type]
    assert "c" not in opened().credentials


def test_a_database_of_a_newer_version_is_left_alone(opened: Opener, tmp_path: Path):
    opened().close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(sqlite3.DatabaseError, match="newer version"):
        opened()
    assert sqlite3.connect(tmp_path / "state.db").execute("PRAGMA user_version").fetchone() == (999,)


def test_who_made_an_object_is_forgotten_after_90_days(opened: Opener, monkeypatch: pytest.MonkeyPatch):
    opened().remember_object("old", "a")
    later = time.time() + OBJECTS_KEPT + 1
    monkeypatch.setattr("addons.vault.store.time.time", lambda: later)
    opened().remember_object("new", "a")
    assert (opened().object_owner("old"), opened().object_owner("new")) == (None, "a")


def test_only_what_it_returns_makes_a_reader_open_secrets_again(opened: Opener):
    writer, reader = opened(), opened()
    writer.add_credential(Credential("a", "openai", SECRET))
    known, before = reader.credentials, reader.version
    writer.remember_object("file-1", "a")
    assert reader.version == before and reader.credentials is known
    for change in (
        lambda: writer.add_key("k", "pc-" + "x" * 20),
        lambda: writer.enable_key("k", False),
        lambda: writer.remove_key("k"),
        lambda: writer.change_secret("a", lambda secret: secret + "2"),
        lambda: writer.take_over([Credential("a", "openai", SECRET)], []),
        lambda: writer.remove_credential("a"),
    ):
        before = reader.version
        change()
        assert reader.version != before
    assert reader.credentials == {}
