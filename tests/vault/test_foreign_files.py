"""The login files of tools (tests/fixtures/logins): read, renewed, and otherwise exactly as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addons.vault.foreign_files import FORMATS, FileFormatError, parse, render, with_token
from addons.vault.tokens import Token

LOGINS = Path(__file__).parents[1] / "fixtures" / "logins"
TOOLS = sorted(set(FORMATS) - {"proxycast"})
NEW = Token("new-access", "new-refresh", 1_800_000_000.0, {"id_token": "new-id", "unheard_of": "kept by us alone"})


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {where: leaf for name, inner in value.items() for where, leaf in leaves(inner, (*path, name)).items()}


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def text(tool: str) -> str:
    return (LOGINS / f"{tool}.json").read_text("utf-8")


def test_a_login_is_read(tool: str, text: str):
    _, token = parse(text, FORMATS[tool])
    assert token.refresh == "old-refresh"
    assert token.expires == 1_789_398_000
    assert token.access == "old-access" or tool == "codex"
    assert token.extra or tool == "proxycast"


def test_renewing_changes_the_login_alone(tool: str, text: str):
    format_ = FORMATS[tool]
    data, _ = parse(text, format_)
    before, after = leaves(data), leaves(with_token(data, format_, NEW, 1_790_000_000.0))
    changed = {path for path in after if after[path] != before.get(path)}
    mine = {format_.access, format_.refresh, format_.expires, format_.stamp, *format_.extra.values()}
    assert changed <= mine
    assert {format_.access, format_.refresh} <= changed
    assert set(before) == set(after)
    for path in changed:
        assert type(after[path]) is type(before[path])


def test_what_was_written_is_read_back(tool: str, text: str):
    format_ = FORMATS[tool]
    data, _ = parse(text, format_)
    _, token = parse(render(with_token(data, format_, NEW, 0.0), text), format_)
    assert (token.access, token.refresh) == ("new-access", "new-refresh")
    assert token.expires == (NEW.expires if format_.expires else None)


def test_an_answer_without_a_refresh_token_leaves_the_old_one(tool: str, text: str):
    data, _ = parse(text, FORMATS[tool])
    _, token = parse(json.dumps(with_token(data, FORMATS[tool], Token("new-access"), 0.0)), FORMATS[tool])
    assert token.refresh == "old-refresh"


def test_the_text_keeps_its_form(tool: str, text: str):
    data, _ = parse(text, FORMATS[tool])
    again = render(data, text)
    assert again.endswith("\n") == text.endswith("\n")
    assert again.splitlines()[0] == "{" or len(again.splitlines()) == 1
    assert [line[:3] for line in again.splitlines()][:2] == [line[:3] for line in text.splitlines()][:2] or tool in (
        "iflow",
    )


def test_the_time_of_a_codex_refresh_is_noted():
    data, _ = parse((LOGINS / "codex.json").read_text("utf-8"), FORMATS["codex"])
    assert with_token(data, FORMATS["codex"], NEW, 1_790_000_000.0)["last_refresh"] == "2026-09-21T14:13:20.000Z"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"claudeAiOauth": null}', '{"claudeAiOauth": []}'])
def test_a_file_without_a_login_is_said(text: str):
    with pytest.raises(FileFormatError):
        parse(text, FORMATS["claude_code"])
