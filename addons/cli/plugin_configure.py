"""`proxycast plugins configure`: a plugin's own settings, in its config.json."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from addons.cli.context import USAGE_ERROR, Context, fail, json_option, pass_context
from addons.cli.plugins import change, find, guard_plugins
from addons.plugins.folder import Plugin
from addons.providers.common_settings import SettingError, fit


@click.command()
@click.argument("name")
@click.option("--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="Set one; may be repeated.")
@click.option("--secret", metavar="FIELD", help="Set this one to what comes on standard input.")
@click.option("--unset", multiple=True, metavar="FIELD", help="Take one away; may be repeated.")
@click.option("--timeout-ms", type=click.IntRange(1, 3_600_000), help="How long one call of it may take.")
@json_option
@pass_context
@guard_plugins
def configure(
    context: Context,
    name: str,
    pairs: tuple[str, ...],
    secret: str | None,
    unset: tuple[str, ...],
    timeout_ms: int | None,
    as_json: bool,
) -> None:
    """Change the settings of a plugin; a running gateway uses them at once. Without options: which there are.

    Values are never shown: they may be secret.
    """
    plugin = find(context, name).plugin
    settings = dict(plugin.config.settings)
    for pair in pairs:
        field, separator, text = pair.partition("=")
        if not separator or not field:
            fail(f"--set takes field=value, not {pair!r}", USAGE_ERROR)
        settings[field] = _fitted(plugin, field, text)
    if secret is not None:
        settings[secret] = _fitted(plugin, secret, sys.stdin.read().strip())
    for field in unset:
        if settings.pop(field, None) is None:
            fail(f"{field} is not set")
    changes: dict[str, Any] = {"settings": settings} if settings != plugin.config.settings else {}
    if timeout_ms is not None:
        changes["timeout_ms"] = timeout_ms
    if changes:
        change(context, name, **changes)
    rows = [
        {"field": field, "set": field in settings, "meaning": str(_known(plugin).get(field, {}).get("title", ""))}
        for field in dict.fromkeys((*_known(plugin), *settings))
    ]
    if as_json:
        click.echo(json.dumps({"name": name, "settings": rows, "timeout_ms": timeout_ms or plugin.config.timeout_ms}))
        return
    for row in rows:
        click.echo(f"{row['field']:<20}{'set' if row['set'] else '–':<6}{row['meaning']}".rstrip())
    if changes:
        click.echo(f"{name} is configured", err=True)


def _known(plugin: Plugin) -> dict[str, Any]:
    """The plugin's own schema of its settings, by field."""
    found = plugin.manifest.settings_schema.get("properties", {})
    return {field: rule for field, rule in found.items() if isinstance(rule, dict)} if isinstance(found, dict) else {}


def _fitted(plugin: Plugin, field: str, text: str) -> Any:
    """As the schema's type wants it; text where there is none."""
    known = _known(plugin)
    if field not in known:
        if known:
            click.echo(f"note: {plugin.name} names no setting {field!r}; it is kept", err=True)
        return text
    try:
        return fit(field, text, known[field])
    except SettingError as error:
        fail(str(error), USAGE_ERROR)
