"""`proxycast audit`: what its commands print, and that recorded text cannot steer a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from addons.audit import reader
from addons.audit.store import Store
from addons.cli.audit import audit
from tests.audit.records import NOW, message, record, stream

Run = Callable[..., Result]
DAY = 86_400


@pytest.fixture
def run(db: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PROXYCAST_HOME", str(db.parent))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(audit, list(arguments))


@pytest.fixture(autouse=True)
def recorded(store: Callable[..., Store]) -> None:
    store().write(
        [
            record("old", started=NOW - 40 * DAY, answer=message("the okapi said")),
            record("failed", status=503, error_kind="overloaded", error="too busy", provider="openai"),
            record("latest", answer=stream("\x1b[31mred ", "[bold]text"), client="codex", served_model="unpriced"),
        ],
        60,
    )


def test_recent_lists_the_newest_first(run: Run) -> None:
    lines = run("recent").output.splitlines()
    assert [line.split()[-1] for line in lines] == ["id", "latest", "failed", "old"]
    assert "unknown" in lines[1]


@pytest.mark.parametrize("command", [["recent"], ["search", "okapi"]])
def test_what_is_no_terminal_gets_every_column_unbroken(
    command: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    header, *lines = run(*command).output.splitlines()
    assert header.split()[0] == "number"
    assert lines[-1].split()[-1] == "old"
    assert len(lines) == (3 if command == ["recent"] else 1)


@pytest.mark.parametrize(("width", "command"), [(80, ["recent"]), (70, ["search", "okapi"])])
def test_a_narrow_terminal_is_not_overflowed_and_shows_by_which_number_to_look_further(
    width: int, command: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("addons.cli.audit.WIDE", width)
    header, *lines = run(*command).output.splitlines()
    assert all(len(line) <= width for line in lines)
    assert {"number", "when"} <= set(header.split())
    assert not {"id", "exchange"} & set(header.split())
    number = next(line.split()[0] for line in reversed(lines) if line[0].isdigit())
    assert json.loads(run("show", number, "--json").output)["id"] == "old"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["latest", "failed", "old"]),
        (["--limit", "1"], ["latest"]),
        (["--errors"], ["failed"]),
        (["--client", "codex"], ["latest"]),
        (["--provider", "openai"], ["failed"]),
        (["--model", "unpriced"], ["latest"]),
        (["--model", "' OR 1=1 --"], []),
    ],
)
def test_recent_filters(run: Run, options: list[str], expected: list[str]) -> None:
    assert [row["id"] for row in json.loads(run("recent", "--json", *options).output)] == expected


def test_show_tells_all_about_one_exchange(run: Run) -> None:
    output = run("show", "failed").output
    for expected in ("overloaded", "too busy", "first in the profile", "upstream_request"):
        assert expected in output
    assert json.loads(run("show", "failed", "--json").output)["error"] == "too busy"


def test_show_prints_a_side_and_its_body(run: Run) -> None:
    assert "content-type" in run("show", "old", "--side", "delivered").output
    assert run("show", "old", "--side", "delivered", "--body").stdout_bytes == message("the okapi said")


@pytest.mark.parametrize("arguments", [["show", "nobody"], ["export", "nobody"], ["show", "9999"]])
def test_an_unknown_exchange_is_one_line_and_a_failure(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1


def test_search_finds_what_was_said(run: Run) -> None:
    assert "[okapi]" in run("search", "okapi").output
    assert json.loads(run("search", "okapi", "--json").output)[0]["exchange"] == "old"


def test_recorded_text_cannot_steer_the_terminal(run: Run) -> None:
    output = run("search", "text").output
    assert "\x1b" not in output
    assert "[bold]" in output, "nor is it markup"


def test_stats_total(run: Run) -> None:
    row = json.loads(run("stats", "--json").output)
    assert (row["exchanges"], row["errors"], row["cost_unknown"]) == (3, 1, 1)
    assert "exchanges" in run("stats").output


def test_export_is_the_exchange_with_its_bodies(run: Run) -> None:
    found = json.loads(run("export", "old").output)
    sides = {side["side"]: side for side in found["sides"]}
    assert sides["delivered"]["body"] == message("the okapi said").decode()
    assert found["attempt_list"][0]["provider"] == "anthropic"


def test_purge_asks_first_and_then_deletes_what_is_older(run: Run, db: Path) -> None:
    assert run("purge", "--older-than", "30").exit_code == 1
    assert reader.stats(db)["exchanges"] == 3
    assert run("purge", "--older-than", "30", "--yes").output == "1 exchanges deleted\n"
    assert {row["id"] for row in reader.recent(db)} == {"failed", "latest"}


def test_vacuum_keeps_everything(run: Run, db: Path) -> None:
    assert run("vacuum").exit_code == 0
    assert reader.stats(db)["exchanges"] == 3


def test_nothing_recorded_yet_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROXYCAST_HOME", str(tmp_path / "empty"))
    result = run("recent")
    assert (result.exit_code, result.output) == (1, "proxycast: nothing was recorded yet\n")
