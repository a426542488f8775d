"""A home of its own for each test, and the command as a person or a script runs it in there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from addons.cli.main import main
from addons.config.home import Home

Command = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Not made yet, as on a new machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PROXYCAST_HOME", str(tmp_path / "proxycast"))
    monkeypatch.delenv("PROXYCAST_KEY", raising=False)
    return Home(tmp_path / "proxycast")


@pytest.fixture
def command(home: Home) -> Command:
    """`command("keys", "list")` → its result; `given` is what stands on standard input."""

    def run(*arguments: str, given: str = "") -> Result:
        result = CliRunner().invoke(main, arguments, input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def read(command: Command) -> Callable[..., Any]:
    """What a command prints with --json, parsed; it must have gone well."""

    def run(*arguments: str, given: str = "") -> Any:
        result = command(*arguments, "--json", given=given)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


@pytest.fixture
def done(command: Command) -> Callable[..., str]:
    """Standard output of a command that must go well, stripped."""

    def run(*arguments: str, given: str = "") -> str:
        result = command(*arguments, given=given)
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    return run


@pytest.fixture
def refused(command: Command) -> Callable[..., str]:
    """The one line on standard error of a command that must not go well."""

    def run(*arguments: str, given: str = "", status: int = 1) -> str:
        result = command(*arguments, given=given)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        lines = result.stderr.strip().splitlines()
        assert len(lines) == 1, result.stderr
        return lines[0]

    return run
