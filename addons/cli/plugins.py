"""`proxycast plugins`: what is installed, and what its user decides about it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import click

from addons.cli import questions
from addons.cli.context import USAGE_ERROR, Context, fail, guarded, json_option, pass_context, show
from addons.plugins import config as configs
from addons.plugins.folder import Plugin, PluginError, Runtime
from addons.plugins.host import Loaded, Origin, PluginHost
from addons.plugins.install.installer import Installer
from addons.plugins.manifest import PERMISSIONS
from addons.providers.registry import built_in

#: What is said of each way to run before a plugin is installed or enabled.
RIGHTS: dict[Runtime, str] = {
    Runtime.MANIFEST: "It is data alone: no code of it runs.",
    Runtime.PYTHON: "Its Python code runs inside the gateway, with all of the gateway's rights: it can see every "
    "request and every credential.",
    Runtime.EXECUTABLE: "It is an executable: it gets none of the gateway's secrets but those of its own credentials, "
    "and what the gateway does for it needs permissions. Otherwise it runs with your rights, as any "
    "program that you start: it can read your files and use the network.",
}
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


@click.group()
def plugins() -> None:
    """Plugins: providers of others and of your own, installed, updated and removed while the gateway runs."""


def guard_plugins[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """As `guarded`, for the faults of plugins as well."""

    @guarded
    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except PluginError as error:
            fail(str(error))

    return wrapper


def loaded(context: Context) -> PluginHost:
    """All plugins, as the gateway would load them now."""
    registry = built_in()
    registry.add_custom(lambda: context.settings().providers)
    host = PluginHost(context.home.plugins, registry)
    host.load()
    return host


def find(context: Context, name: str) -> Loaded:
    """Raises PluginError."""
    host = loaded(context)
    found = host.get(name)
    if found is None:
        known = ", ".join(plugin.name for plugin in host.plugins) or "none"
        raise PluginError(f"there is no plugin {name!r}; there are: {known}")
    return found


def agreed(question: str, yes: bool) -> None:
    """Go on when the user wants to; exits otherwise."""
    if yes:
        return
    if not questions.interactive():
        fail("nobody can be asked here: --yes says yes to all of it", USAGE_ERROR)
    if not click.confirm(question, err=True):
        fail("nothing was changed")


def wishes(plugin: Plugin) -> list[str]:
    """What it wants to be allowed, a line each; and what it can do anyway."""
    lines = [
        f"wants: {name} ({PERMISSIONS.get(name, 'unknown to this version: not granted')})" for name in wanted(plugin)
    ]
    return [*lines, RIGHTS[plugin.runtime]]


def wanted(plugin: Plugin) -> tuple[str, ...]:
    return plugin.manifest.wanted_permissions


def summary(found: Loaded) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.plugin.manifest.version,
        "status": str(found.status),
        "provider": found.provider.manifest.id if found.provider is not None else None,
        "runs": str(found.plugin.runtime) if found.origin is Origin.FOLDER else "python",
        "problem": found.problem or None,
    }


def details(found: Loaded) -> dict[str, Any]:
    plugin, manifest = found.plugin, found.plugin.manifest
    return {
        **summary(found),
        "type": manifest.plugin_type,
        "description": manifest.description,
        "author": manifest.author,
        "homepage": manifest.homepage,
        "license": manifest.license,
        "needs_proxycast": manifest.min_proxycast_version,
        "folder": str(plugin.folder),
        "source": plugin.config.source or ("entry point" if found.origin is Origin.ENTRY_POINT else ""),
        "sha256": found.digest if found.origin is Origin.FOLDER else None,
        "permissions": {name: name in plugin.granted for name in wanted(plugin)},
        "page": manifest.ui.title or found.name if manifest.ui is not None and manifest.ui.entry else None,
        "timeout_ms": plugin.config.timeout_ms,
        "replaces_builtin": plugin.config.replaces_builtin,
        "settings": sorted(plugin.config.settings),  # names alone: values may be secret
        "data": plugin.data.is_dir(),
    }


@plugins.command("list")
@json_option
@pass_context
@guard_plugins
def list_plugins(context: Context, as_json: bool) -> None:
    """List the installed plugins; a problem says why one is not used."""
    rows = [summary(found) for found in loaded(context).plugins]
    show(rows, as_json=as_json, empty="there are no plugins: proxycast plugins install, or proxycast plugins new")


@plugins.command("info")
@click.argument("name")
@json_option
@pass_context
@guard_plugins
def info(context: Context, name: str, as_json: bool) -> None:
    """Show all that is known of one plugin."""
    found = details(find(context, name))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for field, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{one}{'' if granted else ' (not granted)'}" for one, granted in value.items())
        if value not in (None, "", [], False):
            text = ", ".join(value) if isinstance(value, list) else "yes" if value is True else str(value)
            click.echo(f"{field.replace('_', ' '):<18}{text}")


def change(context: Context, name: str, **changes: object) -> Plugin:
    """With its config.json changed; of a package's plugin it is made here."""
    found = find(context, name)
    if found.origin is Origin.ENTRY_POINT and not found.plugin.problem:
        found.plugin.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        configs.write(found.plugin.folder, found.plugin.config.with_changes(**changes))
        return found.plugin
    return Installer(context.home.plugins).configure(name, **changes)


@plugins.command("enable")
@click.argument("name")
@yes_option
@json_option
@pass_context
@guard_plugins
def enable(context: Context, name: str, yes: bool, as_json: bool) -> None:
    """Use a plugin, and grant it what it wants."""
    plugin = find(context, name).plugin
    known = [permission for permission in wanted(plugin) if permission in PERMISSIONS]
    granted = plugin.config.permissions
    if set(known) - set(granted):
        click.echo("\n".join(wishes(plugin)), err=True)
        agreed(f"Enable {name} and grant that?", yes)
    change(context, name, enabled=True, permissions=tuple(dict.fromkeys((*granted, *known))))
    found = find(context, name)
    if as_json:
        click.echo(json.dumps(summary(found), ensure_ascii=False))
    if found.problem:
        fail(f"{name} is enabled, but cannot be used: {found.problem}")
    if not as_json:
        click.echo(f"{name} is enabled", err=True)


@plugins.command("disable")
@click.argument("name")
@json_option
@pass_context
@guard_plugins
def disable(context: Context, name: str, as_json: bool) -> None:
    """Use a plugin no more, for the time being; exchanges under way come to their end."""
    change(context, name, enabled=False)
    if as_json:
        click.echo(json.dumps(summary(find(context, name)), ensure_ascii=False))
    else:
        click.echo(f"{name} is disabled", err=True)


@plugins.command("remove")
@click.argument("name")
@click.option("--data", is_flag=True, help="Its data too, which otherwise stays for a later installation.")
@yes_option
@json_option
@pass_context
@guard_plugins
def remove(context: Context, name: str, data: bool, yes: bool, as_json: bool) -> None:
    """Remove a plugin's files and settings. Credentials of its provider stay in the vault, unused."""
    host = loaded(context)
    found = host.get(name)
    if found is not None and found.origin is Origin.ENTRY_POINT:
        fail(f"{name} comes with an installed Python package: `plugins disable`, or uninstall that package")
    installer = Installer(context.home.plugins)
    installer.removable(name, data=data)
    agreed(f"Remove the plugin {name}{' and all its data' if data else ''}?", yes)
    left = installer.remove(name, data=data)
    provider = found.provider.manifest.id if found is not None and found.provider is not None else ""
    unused = [one for one, credential in context.state.credentials.items() if credential.provider == provider]
    if as_json:
        click.echo(json.dumps({"name": name, "data_kept": left, "unused_credentials": unused}, ensure_ascii=False))
        return
    click.echo(f"{name} is removed", err=True)
    if left:
        click.echo(f"its data stays in {context.home.plugins / name / 'data'} (remove --data)", err=True)
    if unused:
        click.echo(f"credentials of its provider are unused now: {', '.join(unused)}", err=True)
