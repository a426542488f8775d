"""Reading config.toml: faults as one line that says where, and the last good settings while the file is broken."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from addons.config.edit import write_private
from addons.config.settings import Settings
from addons.config.store import SETTLE_SECONDS, ConfigError, ConfigStore, parse

FAULTS = {
    "not TOML": ("[gateway\n", "not valid TOML"),
    "an unknown table": ("[gatewai]\nport = 1\n", "gatewai: there is no such setting"),
    "an unknown setting": ("[gateway]\nprot = 1\n", "gateway.prot: there is no such setting"),
    "text for a number": ('[gateway]\nport = "many"\n', "gateway.port: Input should be a valid integer"),
    "a port that is none": ("[gateway]\nport = 70000\n", "gateway.port: Input should be less than"),
    "a time of nothing": ("[timeouts]\nconnect = 0\n", "timeouts.connect: Input should be greater than 0"),
    "an unknown audit mode": ('[audit]\nmode = "some"\n', "audit.mode: Input should be 'redacted'"),
    "an active profile that is not there": ('active_profile = "x"\n', "active_profile: there is no profile 'x'"),
    "a rule for a profile that is not there": (
        '[[intercept.rules]]\nhost = "api.openai.com"\nprofile = "x"\n',
        "intercept.rules: there is no profile 'x'",
    ),
}


@pytest.mark.parametrize(("text", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_one_line_that_names_the_file_and_the_setting(text: str, said: str):
    with pytest.raises(ConfigError) as error:
        parse(text, Path("/home/me/config.toml"))
    assert str(error.value).startswith("/home/me/config.toml: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text_is_a_fault_too(tmp_path: Path):
    path = tmp_path / "config.toml"
    path.write_bytes(b'active_profile = "\xff"')
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        ConfigStore(path).load()


def test_no_file_means_the_defaults(tmp_path: Path):
    assert ConfigStore(tmp_path / "config.toml").load() == Settings()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    write_private(path, "[failover]\nmax_attempts = 3\n")
    return path


def test_a_replaced_file_is_read_at_once(path: Path):
    store = ConfigStore(path)
    store.load()
    write_private(path, "[failover]\nmax_attempts = 5\n")
    assert store.current.failover.max_attempts == 5


def test_a_replaced_file_counts_as_finished_though_its_inode_may_be_an_earlier_ones(path: Path):
    write_private(path, "[failover]\nmax_attempts = 5\n")
    assert time.time() - path.stat().st_mtime >= SETTLE_SECONDS


def test_a_broken_edit_keeps_the_settings_before_and_says_why_until_it_is_mended(path: Path):
    store = ConfigStore(path)
    store.load()
    write_private(path, "[failover]\nmax_attempts = none\n")
    assert store.current.failover.max_attempts == 3
    assert store.error is not None
    assert "not valid TOML" in store.error
    write_private(path, "[failover]\nmax_attempts = 7\n")
    assert store.current.failover.max_attempts == 7
    assert store.error is None


def test_a_file_in_the_middle_of_being_written_is_not_taken(path: Path):
    """An editor that writes in place empties the file first: that is not the wish for all defaults."""
    store = ConfigStore(path)
    store.load()
    path.write_text("", encoding="utf-8")
    assert store.current.failover.max_attempts == 3
    path.write_text("[failover]\nmax_attempts = 9\n", encoding="utf-8")
    settled = time.time() - SETTLE_SECONDS - 0.1
    os.utime(path, (settled, settled))
    assert store.current.failover.max_attempts == 9


def test_a_removed_file_means_the_defaults_again(path: Path):
    store = ConfigStore(path)
    store.load()
    path.unlink()
    assert store.current == Settings()
    assert store.error is None
