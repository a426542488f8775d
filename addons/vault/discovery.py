"""Finds the keys and logins that official clients have left on this machine. It only looks: nothing is changed, sent or
added."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from addons.providers.api import Provider
from addons.providers.common_settings import lacking
from addons.providers.registry import Registry, UnknownProviderError
from addons.vault import dotenv, foreign_stores, sources
from addons.vault.credential import Credential
from addons.vault.foreign_files import FORMATS, FileFormatError, parse
from addons.vault.keys import PREFIX
from addons.vault.sources import EnvironmentFile, KeyFile, Keyring, LoginFile, LoginStore, Variable
from addons.vault.tokens import at

#: A larger file is none of those that are looked for.
LARGEST = 1 << 20


class Readiness(StrEnum):
    READY = "ready"
    ADDED = "already added"
    NO_PROVIDER = "no provider yet"  # this version of ProxyCast cannot use it
    UNUSABLE = "unusable"  # `note` says why


@dataclass(frozen=True, slots=True)
class Found:
    """`kind` is key or login; `place` the file or variable; `settings` and `secret` what the credential would have."""

    tool: str
    kind: str
    place: str
    provider: str
    name: str
    secret: str = field(default="", repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    readiness: Readiness = Readiness.READY
    note: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where is looked."""

    home: Path
    environ: Mapping[str, str]
    platform: str = sys.platform

    def path(self, below: str, folder: str = "") -> Path:
        """`below` the home; the variable `folder` may stand for its first folder."""
        given = self.environ.get(folder, "") if folder else ""
        return Path(given).expanduser() / below.partition("/")[2] if given else self.home / below


def find(
    machine: Machine, registry: Registry, existing: Iterable[Credential], env_files: Iterable[Path] = ()
) -> list[Found]:
    """Everything there is, in the order of the tables, each key or login once. `existing` are the credentials that
    there are already. Raises OSError for one of `env_files` that cannot be read."""
    known = list(existing)
    taken = {credential.name for credential in known}
    found: dict[tuple[str, str, str], Found] = {}
    for one in _everything(machine, registry, env_files):
        key = (one.provider, one.secret, str(one.settings.get("creds_file_path", "")))
        if key in found:
            continue
        judged = _judged(one, registry, known)
        if judged.readiness is not Readiness.ADDED:
            judged = replace(judged, name=_free(judged.name, taken))
            taken.add(judged.name)
        found[key] = judged
    return list(found.values())


def _everything(machine: Machine, registry: Registry, env_files: Iterable[Path]) -> Iterator[Found]:
    in_files = [found for file in sources.LOGIN_FILES for found in _login(machine, file)]
    yield from in_files
    for keyring in sources.KEYRINGS:
        if keyring.provider not in {found.provider for found in in_files}:
            yield from _in_keyring(machine, keyring)
    for store in sources.LOGIN_STORES:
        yield from _store(machine, store)
    own = {provider.manifest.id: provider.manifest.base_url for provider in registry}
    for key_file in sources.KEY_FILES:
        yield from _key(machine, key_file, own)
    variables = _variables(registry)
    for environment in sources.ENVIRONMENT_FILES:
        path = machine.path(environment.path, environment.folder)
        yield from _from_variables(variables, own, _environment(path, environment), environment.tool, f" in {path}")
    yield from _from_variables(variables, own, machine.environ, "environment", "")
    for path in env_files:
        given = dotenv.parse(path.read_text("utf-8", "replace"))
        yield from _from_variables(variables, own, given, ".env", f" in {path}")


# -- files


def _login(machine: Machine, source: LoginFile) -> Iterator[Found]:
    path = machine.path(source.path, source.folder)
    text = _text(path)
    if text is None:
        return
    found = Found(
        source.tool, "login", str(path), source.provider, source.name, settings={"creds_file_path": str(path)}
    )
    try:
        parse(text, FORMATS[source.format])
    except FileFormatError as error:
        holds_something_else = source.path in {file.path for file in sources.KEY_FILES}
        if not holds_something_else:
            yield replace(found, readiness=Readiness.UNUSABLE, note=str(error))
        return
    yield found


def _in_keyring(machine: Machine, source: Keyring) -> Iterator[Found]:
    path = machine.path(source.path, source.folder)
    if source.platform not in ("", machine.platform):
        return
    if source.setting:
        try:
            there = tomllib.loads(_text(path) or "").get(source.setting) in source.values
        except tomllib.TOMLDecodeError:
            return
    else:
        there = path.is_dir()
    if there:
        found = Found(source.tool, "login", f"keyring of the system ({path})", source.provider, source.provider)
        yield replace(found, readiness=Readiness.UNUSABLE, note=source.note)


def _store(machine: Machine, source: LoginStore) -> Iterator[Found]:
    """Opened for reading alone: its tool may be running."""
    path = machine.path(source.path)
    if not path.is_file():
        return
    found = Found(
        source.tool, "login", str(path), source.provider, source.name, settings={"creds_file_path": str(path)}
    )
    store = FORMATS[source.format].store
    assert store is not None
    try:
        there = foreign_stores.keys(path, store)
    except sqlite3.Error as error:
        yield replace(found, readiness=Readiness.UNUSABLE, note=f"it cannot be read: {error}")
        return
    if there:
        yield found


def _key(machine: Machine, source: KeyFile, own: Mapping[str, str]) -> Iterator[Found]:
    """`own` are the base URLs that need not be said, by provider."""
    path = machine.path(source.path, source.folder)
    data = _json(path)
    key, base_url = at(data, source.key), at(data, source.base_url) if source.base_url else None
    if not isinstance(key, str) or not key:
        return
    named = isinstance(base_url, str) and base_url.rstrip("/") not in ("", own.get(source.provider, ""))
    settings = {"base_url": base_url} if named else {}
    provider = source.other if settings and source.other else source.provider
    yield Found(source.tool, "key", f"{'.'.join(source.key)} in {path}", provider, source.name, key, settings)


def _environment(path: Path, source: EnvironmentFile) -> Mapping[str, str]:
    if not source.object:
        return dotenv.parse(_text(path) or "")
    block = at(_json(path), source.object)
    return {k: v for k, v in block.items() if isinstance(v, str)} if isinstance(block, dict) else {}


def _text(path: Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path) or "null")
    except ValueError:
        return None


# -- variables


def _variables(registry: Registry) -> dict[str, list[str]]:
    """Variable → the providers that a key in it may be for: those of the table, of manifests, of presets."""
    found: dict[str, list[str]] = {}
    for name, variable in sources.VARIABLES.items():
        found[name] = [variable.provider] if variable.provider else []
    for provider in [*registry, *registry.presets()]:
        for name in provider.manifest.env:
            found.setdefault(name, []).append(provider.manifest.id)
    return {name: list(dict.fromkeys(providers)) for name, providers in found.items() if providers}


def _from_variables(
    variables: Mapping[str, list[str]],
    own: Mapping[str, str],
    environ: Mapping[str, str],
    tool: str,
    where: str,
) -> Iterator[Found]:
    """`own` are the base URLs that need not be said, by provider."""
    for name, providers in variables.items():
        value = environ.get(name, "").strip()
        if value:
            found = _of_variable(name, value, providers, own, environ)
            yield replace(found, tool=tool, place=name + where)


def _of_variable(
    name: str, value: str, providers: list[str], own: Mapping[str, str], environ: Mapping[str, str]
) -> Found:
    meaning = sources.VARIABLES.get(name, Variable())
    settings = {
        setting: given
        for setting, names in meaning.settings.items()
        if (given := next((environ[n] for n in names if environ.get(n)), ""))
    }
    provider = providers[0]
    base_url = next((environ[n] for n in meaning.base_url if environ.get(n)), "")
    if base_url and base_url.rstrip("/") != own.get(provider, ""):
        settings = {**settings, "base_url": base_url}
        if meaning.other != provider:
            settings.update(meaning.other_settings)
        provider = meaning.other
    suggested = re.sub(r"_(API_KEY|AUTH_TOKEN|TOKEN|KEY|ACCESS_KEY_ID)$", "", name).lower().replace("_", "-")
    found = Found("", "login" if meaning.login else "key", name, provider, suggested, value, settings)
    if meaning.needs_base_url and not base_url:
        return replace(found, readiness=Readiness.UNUSABLE, note=f"{meaning.base_url[0]} is not set beside it")
    if meaning.secret:
        fields = {part: environ[n] for part, n in meaning.secret.items() if environ.get(n)}
        if len(fields) < 2:
            return replace(found, readiness=Readiness.UNUSABLE, note="only a part of the key is there")
        return replace(found, secret=json.dumps(fields))
    if meaning.file:
        return replace(found, secret="", settings={**settings, "creds_file_path": value})
    if meaning.setting:
        return replace(found, secret="", settings={**settings, meaning.setting: value})
    if len(providers) > 1 and not base_url:
        return replace(found, note=f"may also be for {', '.join(providers[1:])}")
    return found


# -- judging


def _judged(found: Found, registry: Registry, existing: list[Credential]) -> Found:
    if found.readiness is not Readiness.READY:
        return found
    if found.secret.startswith(PREFIX):
        return replace(found, readiness=Readiness.UNUSABLE, note="it is a client key of a ProxyCast gateway")
    file = found.settings.get("creds_file_path")
    for credential in existing:
        same_secret = bool(found.secret) and found.secret in credential.secret_values()
        same_file = bool(file) and credential.settings.get("creds_file_path") == file
        bare = not found.secret and not file
        same_settings = bare and found.provider == credential.provider and found.settings == credential.settings
        if same_secret or same_file or same_settings:
            return replace(found, readiness=Readiness.ADDED, note=f"as {credential.name}")
    try:
        provider = registry.get(found.provider)
    except UnknownProviderError:
        return replace(found, readiness=Readiness.NO_PROVIDER)
    if found.kind == "login" and provider.manifest.oauth is None:
        return replace(found, readiness=Readiness.NO_PROVIDER)
    return _complete(found, provider)


def _complete(found: Found, provider: Provider) -> Found:
    """Whether all is there that the provider needs."""
    file = str(found.settings.get("creds_file_path", ""))
    if file and not Path(file).expanduser().is_file():
        return replace(found, readiness=Readiness.UNUSABLE, note=f"there is no file {file}")
    missing = lacking(provider, found.settings)
    if missing:
        note = f"{', '.join(missing)} is missing: proxycast credentials add {provider.manifest.id}"
        return replace(found, provider=provider.manifest.id, readiness=Readiness.UNUSABLE, note=note)
    return replace(found, provider=provider.manifest.id)


def _free(name: str, taken: set[str]) -> str:
    """`name`, with a number where it is taken."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
