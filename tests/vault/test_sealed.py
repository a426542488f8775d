"""Text under a passphrase, for export and import."""

from __future__ import annotations

import json

import pytest

from addons.vault.sealed import SealError, seal, unseal

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def sealed() -> str:
    return seal("secret text ✓", PASSPHRASE)


def test_the_passphrase_opens_it(sealed: str):
    assert unseal(sealed, PASSPHRASE) == "secret text ✓"
    assert "secret" not in sealed


def test_the_same_text_is_never_sealed_alike(sealed: str):
    assert seal("secret text ✓", PASSPHRASE) != sealed


def test_another_passphrase_does_not(sealed: str):
    with pytest.raises(SealError, match="passphrase is wrong"):
        unseal(sealed, PASSPHRASE.upper())


def test_a_changed_file_is_noticed(sealed: str):
    changed = json.loads(sealed)
    changed["data"] = changed["data"][:-10] + "AAAAAAAAA="
    with pytest.raises(SealError, match="or the file was changed"):
        unseal(json.dumps(changed), PASSPHRASE)


def test_there_is_no_sealing_without_a_passphrase():
    with pytest.raises(SealError, match="empty passphrase"):
        seal("text", "")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"format": "proxycast-export-1"}', "hello", '{"format":1,"salt":2,"data":3}']
)
def test_another_file_is_not_taken_for_one(text: str):
    with pytest.raises(SealError, match="not a file that `proxycast export` wrote"):
        unseal(text, PASSPHRASE)


def test_a_format_of_the_future_is_named():
    with pytest.raises(SealError, match="proxycast-export-9"):
        unseal(json.dumps({"format": "proxycast-export-9", "salt": "AAAA", "data": ""}), PASSPHRASE)
