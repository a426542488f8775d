"""`proxycast plugins new`: a plugin to begin with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from addons.cli.context import fail, json_option
from addons.cli.plugins import guard_plugins
from addons.plugins import scaffold
from addons.providers.registry import UnknownProviderError, built_in


@click.command()
@click.argument("name")
@click.option("--python", "kind", flag_value="python", default="python", help="In the gateway's process (the default).")
@click.option("--executable", "kind", flag_value="executable", help="A program of its own, in any language.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    show_default="here",
    help="The folder to make it in.",
)
@json_option
@guard_plugins
def new(name: str, kind: str, into: Path, as_json: bool) -> None:
    """Write a new plugin into the folder NAME: a provider that works, with tests that pass.

    `plugins install NAME` then copies it into ProxyCast.
    """
    _check_free(name)
    try:
        folder = scaffold.write(name, kind, into)
    except OSError as error:
        fail(f"{into / name} cannot be written: {error.strerror or error}")
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if as_json:
        click.echo(json.dumps({"name": name, "kind": kind, "folder": str(folder), "files": files}))
        return
    click.echo(f"{folder}: {', '.join(files)}", err=True)
    tests = "pytest" if kind == "python" else "python3 -m unittest discover tests"
    click.echo(f"next: cd {folder} && {tests} && proxycast plugins install .", err=True)


def _check_free(name: str) -> None:
    """A plugin of a provider's name could not be installed."""
    try:
        own = built_in().get(name)
    except UnknownProviderError:
        return
    fail(f"{name!r} is the name of a provider that ProxyCast has already ({own.manifest.name}): choose another")
