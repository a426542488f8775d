"""The settings that a credential of any provider may have, as JSON Schema, and how what a user types becomes one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from addons.config.settings import Timeouts
from addons.providers.api import Json, Manifest, Provider
from addons.vault.credential import Credential
from translators.canonical.target import Target

#: Title, and `check` for what a type cannot say. Where they take effect: addons/providers/api.py, addons/gateway.
COMMON: dict[str, Json] = {
    "base_url": {"type": "string", "title": "Base URL, where it is not the provider's own", "check": "url"},
    "models": {
        "type": "object",
        "title": "Overrides: the client's model, pattern or family → the backend's model",
        "check": "names",
    },
    "served_models": {
        "type": "array",
        "title": "Patterns of the models that it serves, instead of the provider's",
        "check": "patterns",
    },
    "excluded_models": {"type": "array", "title": "Patterns of models that it is not asked for", "check": "patterns"},
    "headers": {"type": "object", "title": "Further headers", "check": "headers"},
    "target": {
        "type": "object",
        "title": "What its models can take, where the provider's table is wrong",
        "check": "target",
    },
    "proxy_url": {"type": "string", "title": "HTTP proxy on the way to it", "check": "url"},
    "ca_file": {"type": "string", "title": "PEM file of the only CA that its host is trusted by", "check": "file"},
    "timeouts": {"type": "object", "title": "Time limits, as in [timeouts] of config.toml", "check": "timeouts"},
    "max_concurrent": {"type": "integer", "minimum": 1, "title": "Most requests at a time"},
    "requests_per_minute": {"type": "integer", "minimum": 1, "title": "Most requests in a minute"},
    "reserve": {"type": "string", "title": "Share of its limits to leave alone, such as 10% or 0.1", "check": "share"},
    "min_interval": {"type": "number", "minimum": 0, "title": "Least seconds between two requests"},
}
#: Those of a provider with logins.
LOGIN: dict[str, Json] = {
    "creds_file_path": {"type": "string", "title": "File that its official client keeps the login in", "check": "file"},
    "token_url": {"type": "string", "title": "Where tokens are renewed", "check": "url"},
    "client_id": {"type": "string", "title": "OAuth client id"},
}
#: Addresses of signing in, by the field of `Flow` that has the service's own.
SIGNING_IN: dict[str, Json] = {
    "authorize_url": {"type": "string", "title": "Where the browser signs in", "check": "url"},
    "device_url": {"type": "string", "title": "Where a device login begins", "check": "url"},
    "poll_url": {"type": "string", "title": "Where a device login is asked for", "check": "url"},
}
#: Those of a provider that says what is left of its limits.
QUOTA: dict[str, Json] = {"quota_url": {"type": "string", "title": "Where it says what is left", "check": "url"}}

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, token


class SettingError(ValueError):
    """A value that does not fit; the text names the setting."""


def schema(manifest: Manifest) -> dict[str, Json]:
    """Every setting of a credential of this provider: its own ones first."""
    own = {k: v for k, v in manifest.credential_schema.get("properties", {}).items() if k != "secret"}
    common = {
        **COMMON,
        **(LOGIN if manifest.oauth is not None else {}),
        **{name: rule for name, rule in SIGNING_IN.items() if any(getattr(flow, name) for flow in manifest.login)},
        **(QUOTA if manifest.reads_quota else {}),
    }
    return {name: {**common.get(name, {}), **own.get(name, {})} for name in [*own, *common]}


def lacking(provider: Provider, settings: Mapping[str, Any]) -> list[str]:
    """The settings without which a credential of that provider has no use or no address."""
    manifest = provider.manifest
    required = manifest.credential_schema.get("required", [])
    missing = [name for name in required if name != "secret" and name not in settings]
    if not missing:
        base = provider.base_url(manifest.protocols[0], Credential("", manifest.id, settings=dict(settings)))
        missing = re.findall(r"\{(\w+)\}", base)
    return missing


def fit(name: str, value: Any, rule: Json) -> Any:
    """`value` (text as it was typed, or JSON) as the setting's type wants it. Raises SettingError."""
    allowed = rule.get("enum")
    if allowed and value not in allowed:
        raise SettingError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")
    kind = rule.get("type", "string")
    made = _CONVERSIONS.get(kind, _text)(value)
    if made is None:
        raise SettingError(f"{name} must be {_KINDS.get(kind, kind)}, not {value!r}")
    if isinstance(made, int | float) and not isinstance(made, bool) and made < rule.get("minimum", made):
        raise SettingError(f"{name} must be at least {rule['minimum']}, not {value}")
    check = _CHECKS.get(rule.get("check", ""))
    problem = check(made) if check is not None else ""
    if problem:
        raise SettingError(f"{name}: {problem}")
    return made


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else json.dumps(value)


def _integer(value: Any) -> Any:
    try:
        return int(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> Any:
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())


def _list(value: Any) -> Any:
    if isinstance(value, str):
        return [item for item in (part.strip() for part in value.split(",")) if item]
    return value if isinstance(value, list) else None


def _object(value: Any) -> Any:
    return value if isinstance(value, dict) else None


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _list,
    "object": _object,
}
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list (a,b,c or JSON)",
    "object": 'a JSON object ({"name": "value"})',
}


def _url(value: str) -> str:
    with suppress(ValueError):  # a port that is none, a bracket that is not closed
        parts = urlsplit(value)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return ""
    return f"{value!r} is no http or https URL"


def _names(value: Mapping[str, Any]) -> str:
    wrong = [name for name in value.values() if not (isinstance(name, str) and name)]
    return f"{wrong[0]!r} is no name of a model" if wrong else ""


def _patterns(value: list[Any]) -> str:
    wrong = [pattern for pattern in value if not (isinstance(pattern, str) and pattern)]
    return f"{wrong[0]!r} is no name or pattern" if wrong else ""


def _headers(value: Mapping[str, Any]) -> str:
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name):
            return f"{name!r} is no name of a header"
        plain = isinstance(text, str) and text.isprintable() and text.isascii()
        if not plain and (isinstance(text, bool) or not isinstance(text, int | float)):
            return f"what {name} says must be one line of plain characters"
    return ""


def _target(value: Mapping[str, Any]) -> str:
    allowed = [field.name for field in fields(Target) if field.name not in ("protocol", "model", "provider")]
    for name in value:
        if name not in allowed:
            return f"there is no {name!r} (there are: {', '.join(allowed)})"
    try:
        TypeAdapter(Target).validate_python({"protocol": "", "model": "", **value})
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return ""


def _file(value: str) -> str:
    return "" if Path(value).expanduser().is_file() else f"there is no file {value}"


def _timeouts(value: Mapping[str, Any]) -> str:
    try:
        Timeouts.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']} (there are: {', '.join(Timeouts.model_fields)})"
    return ""


def _share(value: str) -> str:
    number = _number(value.strip().removesuffix("%"))
    most = 100 if value.strip().endswith("%") else 1
    return "" if number is not None and 0 <= number <= most else f"{value!r} is no share: from 0% to 100%, or 0 to 1"


_CHECKS: dict[str, Callable[[Any], str]] = {
    "url": _url,
    "file": _file,
    "timeouts": _timeouts,
    "share": _share,
    "names": _names,
    "patterns": _patterns,
    "headers": _headers,
    "target": _target,
}
