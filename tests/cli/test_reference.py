"""docs/cli.md and docs/configuration.md say what is so: `scripts/docs` writes them anew."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from addons.cli import reference
from addons.cli.main import main


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


COMMANDS = dict(commands(main, "proxycast"))


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_is_documented_with_each_of_its_options(path: str):
    text = (reference.DOCS / "cli.md").read_text("utf-8")
    _, found, rest = text.partition(f"# `{path}`\n")
    assert found
    section = rest.partition("\n## ")[0] if isinstance(COMMANDS[path], click.Group) else rest.partition("\n#")[0]
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert option.opts[0] in section
            assert option.help


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_explains_itself(command, path: str):
    result = command(*path.split()[1:], "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
    assert COMMANDS[path].help


@pytest.mark.parametrize(
    ("name", "written"), [("cli.md", reference.cli), ("configuration.md", reference.configuration)]
)
def test_the_page_is_as_scripts_docs_would_write_it(name: str, written):
    assert (reference.DOCS / name).read_text("utf-8") == written()
