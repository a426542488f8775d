"""Where the vault's key is kept: chosen once, with the first secret, and followed by every process from then on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import null

from addons.vault import keyplace
from addons.vault.cipher import VaultError
from addons.vault.credential import Credential
from addons.vault.keyplace import KeyFile
from addons.vault.store import StateStore

SECRET = "sk-" + "test-secret-1234567890"


class Keyring(KeyringBackend):
    """A system keyring as desktops have one."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[str, str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._ask(service)
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._ask(service)
        self.entries[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._ask(service)
        del self.entries[username]

    def _ask(self, service: str) -> None:
        assert service == "proxycast"
        if self.locked:
            raise keyring.errors.KeyringLocked("the user did not unlock it")


@pytest.fixture
def system() -> Iterator[Keyring]:
    """Of this process, in the place of the one that tests have: none."""
    made = Keyring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(null.Keyring())  # type: ignore[no-untyped-call]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], StateStore]]:
    stores: list[StateStore] = []

    def open_one() -> StateStore:
        stores.append(StateStore(tmp_path / "state.db", tmp_path / "vault.key"))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def add(store: StateStore, name: str = "a") -> None:
    store.add_credential(Credential(name, "openai", SECRET))


def test_where_there_is_a_keyring_the_key_is_in_it_and_in_no_file(system: Keyring, opened, tmp_path: Path):
    add(opened())
    assert len(system.entries) == 1
    assert not (tmp_path / "vault.key").exists()
    assert opened().credentials["a"].secret == SECRET
    key = next(iter(system.entries.values())).encode()
    assert all(key not in path.read_bytes() for path in tmp_path.iterdir())


def test_without_one_it_is_in_a_file_of_its_owner_alone(opened, tmp_path: Path):
    add(opened())
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fault", ["locked", "forgetful"])
def test_a_keyring_that_cannot_be_used_counts_as_none(system: Keyring, opened, tmp_path: Path, fault: str, monkeypatch):
    if fault == "locked":
        system.locked = True
    else:
        monkeypatch.setattr(system, "set_password", lambda *_: None)
    add(opened())
    assert (tmp_path / "vault.key").exists()
    assert opened().credentials["a"].secret == SECRET


def test_the_choice_is_kept_when_a_keyring_appears_later(opened, request, tmp_path: Path):
    add(opened())
    late = request.getfixturevalue("system")
    add(opened(), "b")
    assert late.entries == {}
    assert opened().credentials["b"].secret == SECRET


def test_a_gateway_that_runs_already_follows_the_choice(system: Keyring, opened):
    gateway = opened()
    assert gateway.credentials == {}
    add(opened())
    assert gateway.credentials["a"].secret == SECRET


def test_a_locked_keyring_is_said_and_destroys_nothing(system: Keyring, opened, tmp_path: Path):
    add(opened())
    system.locked = True
    store = opened()
    assert store.credentials == {}
    assert "cannot be read" in store.problems["a"]
    with pytest.raises(VaultError, match="unlock it"):
        add(store, "b")
    assert not (tmp_path / "vault.key").exists()
    system.locked = False
    assert opened().credentials["a"].secret == SECRET


def test_a_lost_entry_is_not_replaced_while_secrets_need_it(system: Keyring, opened):
    add(opened())
    kept = dict(system.entries)
    system.entries.clear()
    with pytest.raises(VaultError, match="missing from the system keyring"):
        add(opened(), "b")
    assert system.entries == {}
    system.entries.update(kept)
    assert opened().credentials["a"].secret == SECRET


def test_after_the_last_secret_is_gone_a_lost_entry_is_made_anew(system: Keyring, opened):
    add(opened())
    system.entries.clear()
    store = opened()
    store.remove_credential("a")
    add(store, "b")
    assert opened().credentials["b"].secret == SECRET


def test_a_silent_keyring_does_not_hold_the_command_up_for_ever(monkeypatch: pytest.MonkeyPatch, system: Keyring):
    monkeypatch.setattr(keyplace, "PATIENCE", 0.05)
    monkeypatch.setattr(system, "get_password", lambda *_: threading.Event().wait(5))
    with pytest.raises(keyplace.KeyPlaceError, match=r"did not answer within 0\.05 s"):
        keyplace.KeyInKeyring("x").read()


@pytest.mark.parametrize("with_keyring", [True, False])
def test_two_that_begin_at_once_share_one_key(request, with_keyring: bool, tmp_path: Path):
    system = request.getfixturevalue("system") if with_keyring else None

    def begin(number: int) -> None:
        store = StateStore(tmp_path / "state.db", tmp_path / "vault.key")
        add(store, str(number))
        store.close()

    StateStore(tmp_path / "state.db", tmp_path / "vault.key").close()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(8)))
    store = StateStore(tmp_path / "state.db", tmp_path / "vault.key")
    assert {credential.secret for credential in store.credentials.values()} == {SECRET}
    assert len(store.credentials) == 8
    store.close()
    if system is not None:
        assert len(system.entries) == 1


def test_two_that_make_the_file_at_once_get_the_same_key(tmp_path: Path):
    file = KeyFile(tmp_path / "vault.key")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda n: file.keep(b"key %d" % n), range(16)))
    assert keys == {file.read()}
    assert [path.name for path in tmp_path.iterdir()] == ["vault.key"]
