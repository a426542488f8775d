"""Client keys: random, hashed, compared as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from addons.vault.keys import ClientKey, digest, find, generate


def test_a_key_is_recognisable_and_never_the_same():
    made = {generate() for _ in range(50)}
    assert len(made) == 50
    assert all(key.startswith("pxc_") and len(key) > 40 for key in made)


def test_the_right_key_is_found_among_others():
    secret = generate()
    kept = [ClientKey("a", digest(generate())), ClientKey("b", digest(secret)), ClientKey("c", digest(generate()))]
    assert find(secret, kept) == kept[1]


@pytest.mark.parametrize("presented", ["", "pxc_", "\udcff", "nonsense", "x" * 100_000])
def test_what_is_no_key_is_not_found(presented: str):
    assert find(presented, [ClientKey("a", digest(generate()))]) is None


def test_the_hash_of_a_key_does_not_open():
    secret = generate()
    assert find(digest(secret), [ClientKey("a", digest(secret))]) is None


def test_a_disabled_key_does_not_open():
    secret = generate()
    assert find(secret, [ClientKey("a", digest(secret), enabled=False)]) is None


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch):
    """Neither the place of the right key nor its first characters may show in the time."""
    secret = generate()
    right = ClientKey("right", digest(secret))
    compared: list[str] = []

    def counting(a: str, b: str) -> bool:
        compared.append(b)
        return a == b

    monkeypatch.setattr("hmac.compare_digest", counting)
    others = [replace(right, name=f"other-{n}", hash=digest(generate())) for n in range(4)]
    assert find(secret, [right, *others]) == right
    assert len(compared) == 5
