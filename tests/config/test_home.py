"""PROXYCAST_HOME: where it is, and that it is its owner's alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from addons.config.home import Home


def test_it_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROXYCAST_HOME", str(tmp_path / "here"))
    assert Home.find().path == tmp_path / "here"


def test_else_it_is_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PROXYCAST_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.find().path == tmp_path / ".proxycast"


def test_a_tilde_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PROXYCAST_HOME", "~/elsewhere")
    assert Home.find().path == tmp_path / "elsewhere"


def test_finding_it_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROXYCAST_HOME", str(tmp_path / "new"))
    Home.find()
    assert not (tmp_path / "new").exists()


def test_it_is_made_for_its_owner_alone(tmp_path: Path):
    home = Home(tmp_path / "a" / "b").ensure()
    assert home.path.stat().st_mode & 0o777 == 0o700


def test_one_that_others_can_read_is_closed(tmp_path: Path):
    tmp_path.chmod(0o755)
    Home(tmp_path).ensure()
    assert tmp_path.stat().st_mode & 0o777 == 0o700
