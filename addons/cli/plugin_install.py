"""`proxycast plugins install` and `update`: fetch, say what it is and what it may, ask, put into place."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from addons.cli.context import USAGE_ERROR, Context, fail, json_option, pass_context, show
from addons.cli.plugins import agreed, find, guard_plugins, summary, wishes, yes_option
from addons.plugins import versions
from addons.plugins.folder import Plugin, PluginError
from addons.plugins.install import sources
from addons.plugins.install.checksums import Checked
from addons.plugins.install.download import Downloads
from addons.plugins.install.installer import Installer, Prepared


@click.command()
@click.argument("source")
@click.option("--sha256", default="", metavar="SUM", help="The checksum that the archive must have.")
@click.option("--replace-builtin", is_flag=True, help="It takes the place of the built-in provider that has its id.")
@yes_option
@json_option
@pass_context
@guard_plugins
def install(context: Context, source: str, sha256: str, replace_builtin: bool, yes: bool, as_json: bool) -> None:
    """Install a plugin from SOURCE: a folder, an archive (.zip, .tar.gz), the https address of an archive or of a
    plugin.json, or OWNER/REPO, whose newest release on GitHub is taken.

    What comes over the network must have a checksum that is right. A plugin of that name that is there already is
    replaced; its settings and data stay.
    """
    context.home.ensure()
    with Installer(context.home.plugins).prepared(sources.parse(source, sha256)) as prepared:
        _explain(prepared)
        agreed(f"{'Replace' if prepared.before else 'Install'} {prepared.plugin.name}?", yes)
        plugin = prepared.install(replaces_builtin=replace_builtin)
        checked = prepared.checked
    _say_done(context, plugin, checked, as_json)


@click.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Every plugin that was installed by the command.")
@click.option("--check", is_flag=True, help="Only say what there is.")
@yes_option
@json_option
@pass_context
@guard_plugins
def update(context: Context, name: str | None, every: bool, check: bool, yes: bool, as_json: bool) -> None:
    """Update a plugin, or --all of them, from where it was installed; settings and data stay.

    A version that does not load is not installed. Asks when a version wants more than its plugin was granted.
    """
    if bool(name) == every and not (check and not name):
        fail("name a plugin, or --all", USAGE_ERROR)
    installer = Installer(context.home.plugins)
    chosen = [installer.get(name)] if name else _installed(context)
    rows, failed = [], False
    for plugin in chosen:
        try:
            rows.append(_looked(plugin) if check else _updated(installer, plugin, yes))
        except (PluginError, OSError) as error:
            rows.append(_row(plugin, problem=str(error)))
            failed = True
    show(rows, as_json=as_json, empty="no plugin was installed by the command")
    if failed:
        fail("not all plugins could be looked at" if check else "not all plugins could be updated")


def _installed(context: Context) -> list[Plugin]:
    installer = Installer(context.home.plugins)
    folders = context.home.plugins.iterdir() if context.home.plugins.is_dir() else ()
    found = []
    for folder in sorted(folders):
        try:
            plugin = installer.get(folder.name)
        except PluginError:
            continue
        if _source(plugin):
            found.append(plugin)
    return found


def _source(plugin: Plugin) -> str:
    """Where it was installed from, else the repository that it names; "" = it is not known."""
    binary = plugin.manifest.binary
    named = (
        f"{binary.github_owner}/{binary.github_repo}" if binary and binary.github_owner and binary.github_repo else ""
    )
    return plugin.config.source or named


def _parsed(plugin: Plugin) -> sources.Source:
    source = _source(plugin)
    if not source:
        raise PluginError("nothing says where it is from: `plugins install` a newer version")
    return sources.parse(source)


def _row(plugin: Plugin, newest: str | None = None, problem: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": plugin.name, "version": plugin.manifest.version, "newest": newest, **more, "problem": problem}


def _looked(plugin: Plugin) -> dict[str, Any]:
    with Downloads() as downloads:
        newest = _parsed(plugin).version(downloads)
    if not newest:
        why = f"only a new installation would tell: its source is an archive ({_source(plugin)})"
        return _row(plugin, update=None, problem=why)
    return _row(plugin, newest, update=versions.newer(newest, plugin.manifest.version))


def _updated(installer: Installer, plugin: Plugin, yes: bool) -> dict[str, Any]:
    source = _parsed(plugin)
    with Downloads() as downloads:
        newest = source.version(downloads)
    if newest and not versions.newer(newest, plugin.manifest.version):
        return _row(plugin, newest, updated=False)
    with installer.prepared(source, plugin.name) as prepared:
        newest = prepared.plugin.manifest.version
        if prepared.is_same:
            return _row(plugin, newest, updated=False)
        if versions.newer(plugin.manifest.version, newest):
            raise PluginError(f"its source has the older version {newest}")
        if prepared.new_permissions or prepared.plugin.runtime is not plugin.runtime:
            _explain(prepared)
            agreed(f"Update {plugin.name}?", yes)
        prepared.install()
    return _row(plugin, newest, updated=True)


def _explain(prepared: Prepared) -> None:
    """On standard error: what it is, what its sums are, what it may."""
    plugin, manifest = prepared.plugin, prepared.plugin.manifest
    before = f" (there is {prepared.before.manifest.version})" if prepared.before is not None else ""
    lines = [f"{plugin.name} {manifest.version}{before}{': ' if manifest.description else ''}{manifest.description}"]
    lines += [f"{word}: {text}" for word, text in (("by", manifest.author), ("license", manifest.license)) if text]
    lines += [_sum(checked) for checked in prepared.checked]
    click.echo("\n".join([*lines, *wishes(plugin)]), err=True)


def _sum(checked: Checked) -> str:
    compared = f"as {checked.against} says" if checked.against else "compared with nothing"
    return f"sha256 of {checked.name}: {checked.sha256} ({compared})"


def _say_done(context: Context, plugin: Plugin, checked: list[Checked], as_json: bool) -> None:
    found = find(context, plugin.name)
    if as_json:
        sums = [asdict(one) for one in checked]
        permissions = sorted(plugin.granted)
        click.echo(json.dumps({**summary(found), "permissions": permissions, "checksums": sums}, ensure_ascii=False))
        return
    click.echo(f"{plugin.name} {plugin.manifest.version} is installed", err=True)
    if found.provider is not None:
        click.echo(f"next: proxycast credentials add {found.provider.manifest.id} --name NAME", err=True)
