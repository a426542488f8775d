"""The key that opens credentials: read where it is kept; a lost or wrong one is said clearly and left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from addons.vault.cipher import Cipher, VaultError
from addons.vault.keyplace import KeyFile, KeyPlaceError

SECRET = "sk-" + "test-1234"


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    """With a key in it."""
    place = KeyFile(tmp_path / "vault.key")
    place.keep(Fernet.generate_key())
    return place


def test_a_secret_comes_back_and_does_not_stand_in_its_token(file: KeyFile):
    token = Cipher(file).encrypt(SECRET)
    assert Cipher(file).decrypt(token) == SECRET
    assert SECRET.encode() not in token


@pytest.mark.parametrize("use", [lambda c: c.decrypt(b"token"), lambda c: c.encrypt(SECRET)], ids=["open", "close"])
def test_a_missing_key_is_said_and_not_made(tmp_path: Path, use):
    with pytest.raises(VaultError, match=r"missing from the key file .*: restore it"):
        use(Cipher(KeyFile(tmp_path / "vault.key")))
    assert not (tmp_path / "vault.key").exists()


def test_another_key_opens_nothing_and_says_so(file: KeyFile):
    token = Cipher(file).encrypt(SECRET)
    file.path.write_bytes(Fernet.generate_key())
    with pytest.raises(VaultError, match="does not open this credential"):
        Cipher(file).decrypt(token)


def test_a_key_that_is_restored_is_noticed(file: KeyFile):
    right = file.path.read_bytes()
    token = Cipher(file).encrypt(SECRET)
    file.path.write_bytes(Fernet.generate_key())
    cipher = Cipher(file)
    cipher.encrypt("something else, which reads the key")
    file.path.write_bytes(right)
    assert cipher.decrypt(token) == SECRET


def test_a_damaged_key_file_stays_as_it_is(tmp_path: Path):
    (tmp_path / "vault.key").write_bytes(b"damaged")
    with pytest.raises(VaultError, match="does not hold a key"):
        Cipher(KeyFile(tmp_path / "vault.key")).encrypt(SECRET)
    assert (tmp_path / "vault.key").read_bytes() == b"damaged"


class Locked:
    """A keyring whose user does not unlock it."""

    record, name = "keyring:x", "the system keyring"

    def read(self) -> bytes | None:
        raise KeyPlaceError("it is locked")

    def keep(self, key: bytes) -> bytes:
        raise KeyPlaceError("it is locked")


def test_a_place_that_does_not_answer_is_no_lost_key():
    with pytest.raises(VaultError, match="the system keyring cannot be read: it is locked; unlock it"):
        Cipher(Locked()).decrypt(b"token")
