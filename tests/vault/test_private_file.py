"""Writing into another program's file: whole or not at all, its own in every respect."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from addons.vault.private_file import keep_private, replace_text


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_permissions_stay(tmp_path: Path, mode: int):
    file = tmp_path / "login.json"
    file.write_text("old")
    file.chmod(mode)
    replace_text(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", mode)
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_one(tmp_path: Path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    replace_text(tmp_path / "link.json", "new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_a_file_that_is_gone_is_not_made_anew(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        replace_text(tmp_path / "login.json", "new")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_given_to_its_owner_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "login.json"
    file.write_text("old")
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)

    def refuse(*_: int) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(os, "fchown", refuse)
    with pytest.raises(PermissionError):
        replace_text(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_reader_never_sees_half_of_it(tmp_path: Path):
    file = tmp_path / "login.json"
    file.write_text("a" * 100_000)
    with file.open() as reader:
        replace_text(file, "b" * 50)
        assert reader.read() == "a" * 100_000


@pytest.mark.parametrize("before", [None, 0o600, 0o644, 0o666])
def test_a_file_of_our_own_is_for_its_owner_alone(tmp_path: Path, before: int | None):
    file = tmp_path / "state.db"
    if before is not None:
        file.write_text("kept")
        file.chmod(before)
    keep_private(file)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("" if before is None else "kept", 0o600)
