"""Changing config.toml by command: comments stay, a bad result is never written, nobody's edit is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tomlkit import TOMLDocument

from addons.config.edit import edit, table
from addons.config.sample import sample
from addons.config.store import ConfigError, parse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def attempts(number: int):
    def change(document: TOMLDocument) -> None:
        table(document, "failover")["max_attempts"] = number

    return change


def test_comments_and_order_stay(path: Path):
    text = "# mine\n[timeouts]\nconnect = 5 # slow network\n\n[failover]\n# few\nmax_attempts = 2\n"
    path.write_text(text, encoding="utf-8")
    assert edit(path, attempts(4)).failover.max_attempts == 4
    assert path.read_text("utf-8") == text.replace("max_attempts = 2", "max_attempts = 4")


def test_a_top_level_setting_goes_above_the_tables_of_the_sample(path: Path):
    path.write_text(sample() + "\n[profiles.work]\nuse = []\n", encoding="utf-8")

    def change(document: TOMLDocument) -> None:
        document["active_profile"] = "work"

    assert edit(path, change).active_profile == "work"
    assert path.read_text("utf-8").startswith(sample()[:200])


def test_a_result_that_is_not_valid_is_not_written(path: Path):
    path.write_text("[failover]\nmax_attempts = 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"failover\.max_attempts"):
        edit(path, attempts(0))
    assert path.read_text("utf-8") == "[failover]\nmax_attempts = 2\n"


def test_a_broken_file_is_left_to_its_owner(path: Path):
    path.write_text("[failover\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid TOML"):
        edit(path, attempts(3))
    assert path.read_text("utf-8") == "[failover\n"


def test_the_file_is_its_owners_alone(path: Path):
    path.write_text("", encoding="utf-8")
    path.chmod(0o644)
    edit(path, attempts(3))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(path: Path, tmp_path: Path):
    """Some keep their settings in a repository and link to them."""
    real = tmp_path / "dotfiles.toml"
    real.write_text("", encoding="utf-8")
    path.symlink_to(real)
    edit(path, attempts(3))
    assert path.is_symlink()
    assert "max_attempts = 3" in real.read_text("utf-8")


def test_edits_at_the_same_time_all_count(path: Path):
    def add(number: int) -> None:
        def change(document: TOMLDocument) -> None:
            table(document, "profiles")[f"p{number}"] = {"use": []}

        edit(path, change)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert sorted(parse(path.read_text("utf-8"), path).profiles) == sorted(f"p{n}" for n in range(24))


def test_nothing_is_left_beside_the_file(path: Path):
    edit(path, attempts(3))
    assert {one.name for one in path.parent.iterdir()} == {"config.toml", ".config.toml.lock"}
