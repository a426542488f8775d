"""The sample config.toml: nothing in it is in force, all of it is true, and every setting is in it with its meaning."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from addons.config.sample import EXAMPLES, Row, named_tables, sample, tables, write_sample
from addons.config.settings import Settings
from addons.config.store import parse

PATH = Path("config.toml")
ROWS = [(table.name, row) for table in [*tables(), *named_tables()] for row in table.rows]


def uncommented(text: str) -> str:
    """What stands behind a # without a space: settings and the headings of their tables."""
    return "\n".join(line[1:] for line in text.splitlines() if re.match(r"#[^ ]", line))


def test_as_written_it_changes_nothing():
    assert tomllib.loads(sample()) == {}


def test_with_every_mark_taken_away_it_still_says_the_defaults():
    assert parse(uncommented(sample()), PATH) == Settings()


def test_every_section_and_every_default_of_a_section_is_in_it():
    written = tomllib.loads(uncommented(sample()))
    defaults = Settings().model_dump(exclude={"profiles": True, "providers": True, "intercept": {"rules"}})
    assert written == defaults


def test_its_examples_are_good_settings():
    text = "\n".join(line[6:] for line in EXAMPLES.splitlines() if line.startswith("#     "))
    settings = parse(text, PATH)
    assert settings.profiles["work"].credentials() == ["anthropic-key", "openrouter-1", "openrouter-2", "google"]
    assert settings.intercept.rules[0].host == "api.openai.com"
    assert settings.providers["my-service"].protocols == ["openai_chat", "anthropic"]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=[f"{table}.{row.name}" for table, row in ROWS])
def test_a_setting_has_a_meaning(table: str, row: Row):
    assert len(row.meaning) > 10


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path):
    path = tmp_path / "config.toml"
    assert write_sample(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("# mine\n", encoding="utf-8")
    assert not write_sample(path)
    assert path.read_text("utf-8") == "# mine\n"
