"""Tables of the commands: whole in a pipe, readable on a narrow terminal, and nothing in them steers it."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from addons.cli.context import show

BOLD = re.compile(r"\x1b\[[01]m")  # headings
ROWS: list[dict[str, Any]] = [{"name": "a", "base_url": "https://api.example/v1", "weight": 1, "cause": "x\x1b[2Jy\nz"}]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(columns: int | None) -> list[str]:
        """Lines for a terminal of that width, None for a pipe."""
        monkeypatch.setenv("COLUMNS", str(columns or 40))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: columns is not None)
        show(ROWS, as_json=False, empty="", spare=("weight", "base_url"))
        return [BOLD.sub("", line).rstrip() for line in capsys.readouterr().out.splitlines()]

    return run


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (None, ["name", "base", "url", "weight", "cause"]),
        (80, ["name", "base", "url", "weight", "cause"]),
        (40, ["name", "base", "url", "cause"]),
        (30, ["name", "cause"]),
    ],
)
def test_a_narrow_terminal_does_without_what_can_be_spared(printed, columns: int | None, headings: list[str]):
    lines = printed(columns)
    assert lines[0].split() == headings
    assert len(lines) == 2, "nothing is folded"


def test_nothing_in_a_table_steers_the_terminal(printed):
    assert "x [2Jy z" in printed(None)[1]
