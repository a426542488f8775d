"""The key that opens credentials: made once, never replaced; a lost or wrong one is said clearly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from addons.vault.cipher import Cipher, VaultError

SECRET = "sk-" + "test-1234"


def test_a_secret_comes_back_and_does_not_stand_in_its_token(tmp_path: Path):
    cipher = Cipher(tmp_path / "vault.key")
    token = cipher.encrypt(SECRET, first=True)
    assert cipher.decrypt(token) == SECRET
    assert SECRET.encode() not in token


def test_the_key_file_is_its_owners_alone(tmp_path: Path):
    Cipher(tmp_path / "vault.key").encrypt(SECRET, first=True)
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["vault.key"]


def test_reading_makes_no_key(tmp_path: Path):
    with pytest.raises(VaultError, match="missing: restore it"):
        Cipher(tmp_path / "vault.key").decrypt(b"token")
    assert not (tmp_path / "vault.key").exists()


def test_a_lost_key_is_not_replaced_while_secrets_need_it(tmp_path: Path):
    with pytest.raises(VaultError, match="missing: restore it"):
        Cipher(tmp_path / "vault.key").encrypt(SECRET, first=False)
    assert not (tmp_path / "vault.key").exists()


def test_another_key_opens_nothing_and_says_so(tmp_path: Path):
    token = Cipher(tmp_path / "vault.key").encrypt(SECRET, first=True)
    (tmp_path / "vault.key").write_bytes(Fernet.generate_key())
    with pytest.raises(VaultError, match="does not open this credential"):
        Cipher(tmp_path / "vault.key").decrypt(token)


def test_a_damaged_key_file_stays_as_it_is(tmp_path: Path):
    (tmp_path / "vault.key").write_bytes(b"damaged")
    with pytest.raises(VaultError, match="does not hold a key"):
        Cipher(tmp_path / "vault.key").encrypt(SECRET, first=True)
    assert (tmp_path / "vault.key").read_bytes() == b"damaged"


def test_two_that_begin_at_once_share_one_key(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: Cipher(tmp_path / "vault.key").encrypt(SECRET, first=True), range(16)))
    assert {Cipher(tmp_path / "vault.key").decrypt(token) for token in tokens} == {SECRET}
