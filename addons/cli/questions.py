"""What a credential consists of, asked for: from `--set`, from standard input, or one by one on a terminal.

The questions are the provider's JSON Schema: its fields, their choices; secrets without echo, and several of them as
the JSON that the provider reads.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from addons.cli.context import USAGE_ERROR, fail
from addons.providers.api import Json, Manifest, Provider
from addons.providers.common_settings import SettingError, fit, lacking, schema
from addons.providers.outbound import is_safe


def interactive() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


def parse_settings(pairs: tuple[str, ...], manifest: Manifest) -> dict[str, Any]:
    """`field=value` pairs as settings; "" stands for itself. Exits with a usage error for what does not fit."""
    settings: dict[str, Any] = {}
    known = schema(manifest)
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            fail(f"--set takes field=value, not {pair!r}", USAGE_ERROR)
        value = _typed(text)
        if name not in known:
            click.echo(f"note: {manifest.name} has no setting {name!r} that we know; it is kept", err=True)
        elif value != "":
            value = _fitted(name, value, known[name])
            if known[name].get("check") == "url" and name != "proxy_url" and not is_safe(value):
                note = "credentials are not sent over plain HTTP to another machine: use https"
                click.echo(f"note: {name}: {note}", err=True)
        settings[name] = value
    return settings


def ask_settings(manifest: Manifest, given: dict[str, Any]) -> dict[str, Any]:
    """The provider's own fields that `given` leaves open; an empty answer leaves them so unless they are needed."""
    required = manifest.credential_schema.get("required", [])
    answers = dict(given)
    rules = schema(manifest)
    for name in manifest.credential_schema.get("properties", {}):
        if name == "secret" or name in answers or rules[name].get("type", "string") == "object":
            continue
        rule = rules[name]
        choices = f" [{'/'.join(map(str, rule['enum']))}]" if rule.get("enum") else ""
        text = f"{rule.get('title', name)}{choices}"
        while True:
            answer = str(click.prompt(text, default="", show_default=False, err=True)).strip()
            if not answer and name not in required:
                break
            try:
                answers[name] = fit(name, _typed(answer), rule) if answer else ""
            except SettingError as error:
                click.echo(str(error), err=True)
                continue
            if answer:
                break
    return answers


def unfit(service: Provider, settings: dict[str, Any]) -> str:
    """What is missing among a credential's settings, so that it could not be used; "" = nothing."""
    manifest, missing = service.manifest, lacking(service, settings)
    if not missing:
        return ""
    title = manifest.credential_schema.get("properties", {}).get(missing[0], {}).get("title", "")
    return f"{manifest.id} needs --set {missing[0]}=… ({title})"


def read_secret(rule: Json) -> str:
    """The secret: from standard input, or asked for without echo on a terminal; never from the command line.

    A rule with `properties` has several fields: they are asked for when the single secret is left empty."""
    if not interactive():
        secret = sys.stdin.read().strip()
    else:
        secret = _hidden(str(rule.get("title", "Secret")))
        fields = rule.get("properties", {})
        if not secret and fields:
            values = {name: _hidden(f"  {field.get('title', name)}") for name, field in fields.items()}
            values = {name: value for name, value in values.items() if value}
            secret = json.dumps(values) if values else ""
    if not (_is_object(secret) if secret.startswith("{") else secret.isascii() and secret.isprintable()):
        fail("the secret must be one line of plain characters, or JSON with several fields", USAGE_ERROR)
    return secret


def acknowledge(manifest: Manifest, *, accepted: bool) -> None:
    """A login's terms are shown and agreed to before it is used (design.md, decision 7). Exits otherwise."""
    if agreed(manifest, accepted=accepted):
        return
    if not interactive():
        fail("its terms must be agreed to: --accept-terms", USAGE_ERROR)
    fail("nothing was added")


def agreed(manifest: Manifest, *, accepted: bool) -> bool:
    """Whether the terms of a login, which are shown, are agreed to: on a terminal by a question. A key has none."""
    if manifest.group != "oauth":
        return True
    click.echo(f"{manifest.name}: {manifest.terms or 'no terms are known'} {manifest.terms_url}".rstrip(), err=True)
    return accepted or (interactive() and click.confirm("Use it on these terms?", err=True))


def _typed(text: str) -> Any:
    """A value that is JSON is taken as such."""
    try:
        return json.loads(text) if (text[:1] in "[{" and text) or text in ("true", "false") else text
    except ValueError:
        return text


def _fitted(name: str, value: Any, rule: Json) -> Any:
    try:
        return fit(name, value, rule)
    except SettingError as error:
        fail(str(error), USAGE_ERROR)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _hidden(title: str) -> str:
    return str(click.prompt(title, hide_input=True, default="", show_default=False, err=True)).strip()
