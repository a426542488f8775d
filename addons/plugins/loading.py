"""Makes a provider out of a plugin: checks what it says of itself, imports its code, or hands it to the bridge."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from addons.plugins import importing, versions
from addons.plugins.folder import Plugin, PluginError, Runtime, one_line
from addons.plugins.guarded import guard
from addons.providers import header_profile
from addons.providers.api import Manifest, Provider
from addons.vault.credential import Credential
from translators import registry

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


def _strings(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, str) for item in value)


def _table_of_strings(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)


#: How a manifest's fields are checked, by their annotation. The others are objects that read_manifest makes.
_CHECKS: dict[str, Callable[[object], bool]] = {
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "tuple[str, ...]": _strings,
    "dict[str, str]": _table_of_strings,
    "Json": lambda value: isinstance(value, dict),
}


def check_version(plugin: Plugin) -> None:
    """Raises PluginError where this ProxyCast is older than the plugin needs."""
    wanted, own = plugin.manifest.min_proxycast_version, versions.own()
    if wanted and versions.newer(wanted, own):
        raise PluginError(f"needs ProxyCast {wanted} or newer; this is {own}")


def check_manifest(manifest: Manifest) -> None:
    """Raises PluginError for what would fail later, while somebody waits for an answer."""
    for item in dataclasses.fields(manifest):
        check = _CHECKS.get(str(item.type))
        if check is not None and not check(getattr(manifest, item.name)):
            raise PluginError(f"the provider's {item.name!r} is no {item.type}")
    if not _ID.fullmatch(manifest.id):
        raise PluginError(f"the provider's id {manifest.id!r} has other characters than a-z, 0-9 and . _ -")
    if not manifest.protocols:
        raise PluginError("the provider names no protocol")
    for protocol in manifest.protocols:
        try:
            registry.get(protocol)
        except LookupError:
            raise PluginError(f"the provider's protocol {protocol!r} is not known") from None
    properties = manifest.credential_schema.get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(value, dict) for value in properties.values()):
        raise PluginError("the provider's credential_schema is no JSON Schema of an object")
    data, nobody = Provider(manifest), Credential("nobody", manifest.id)
    for protocol in manifest.protocols:
        for pattern, _ in (*manifest.targets, ("*", {})):
            try:
                data.target(protocol, pattern.replace("*", "x"), nobody)
            except (TypeError, ValueError, AttributeError) as error:
                raise PluginError(f"the provider's target {pattern!r}: {one_line(error)}") from error


def check_reads_nothing(manifest: Manifest, folder: Path) -> None:
    """Raises PluginError where data alone would have files of its user's read, and sent to an address of its own."""
    profile = folder / header_profile.FILE
    if profile.is_file() and any(row.files for row in header_profile.parse(profile.read_text("utf-8")).installed):
        raise PluginError(f"{header_profile.FILE}: only code may look into files (`files` of [[installed]])")
    if manifest.oauth is not None and manifest.oauth.file is not None and manifest.oauth.file.beside:
        raise PluginError("only code may look into files (`beside` of [oauth.file])")


def usable(plugin: Plugin) -> None:
    """Raises PluginError for one that this version cannot or does not use."""
    if plugin.problem:
        raise PluginError(plugin.problem)
    if not plugin.manifest.is_used:
        raise PluginError(f"plugins of the type {plugin.manifest.plugin_type!r} are not used by this version")
    check_version(plugin)


def in_process(plugin: Plugin, digest: str) -> Provider:
    """The provider of a plugin that is data or Python. Runs the plugin's code: may be slow, and may raise
    PluginError."""
    usable(plugin)
    entry = plugin.python_entry
    if entry is None:
        manifest = plugin.provider_manifest()
        check_manifest(manifest)
        check_reads_nothing(manifest, plugin.folder)
        return Provider(manifest)
    if not entry.is_file():
        raise PluginError(f"its entry {entry.relative_to(plugin.folder)} is missing")
    if not entry.resolve().is_relative_to(plugin.folder.resolve()):
        raise PluginError("its entry is a link out of the plugin's folder")
    with clients_protocols_kept():
        try:
            module = importing.load(entry, plugin.name, digest)
        except (Exception, SystemExit) as error:
            raise PluginError(f"its code cannot be imported: {one_line(error)}") from error
    return made_by(module, plugin, plugin.provider_manifest())


def made_by(source: ModuleType | Callable[..., Any], plugin: Plugin, manifest: Manifest) -> Provider:
    """What `create(manifest)` or `create(manifest, plugin)` of a module gives, or a factory itself; without a `create`
    it is data. Raises PluginError."""
    check_manifest(manifest)  # after the import: that may register a protocol of its own
    create: Callable[..., Any] = getattr(source, "create", Provider) if isinstance(source, ModuleType) else source
    with clients_protocols_kept():
        try:
            provider = create(manifest, plugin) if _takes_two(create) else create(manifest)
        except (Exception, SystemExit) as error:
            raise PluginError(f"its `create` failed: {one_line(error)}") from error
    if not isinstance(provider, Provider):
        raise PluginError(f"its `create` gave a {type(provider).__name__}, which is no Provider")
    check_manifest(provider.manifest)
    wires = {name: registry.get(name) for name in provider.manifest.protocols}
    setattr(provider, "wire", lambda name: wires.get(name) or registry.get(name))  # noqa: B010 - it is a method
    return guard(provider, plugin.name, plugin.config.timeout_ms / 1000)


@contextmanager
def clients_protocols_kept() -> Iterator[None]:
    """While a plugin's code runs that may register protocols. Raises PluginError when it takes the place of one that
    clients speak, and undoes that."""
    before = {name: registry.get(name) for name in registry.client_ids()}
    try:
        yield
    finally:
        taken = [name for name, protocol in before.items() if registry.get(name) is not protocol]
        for name in taken:
            registry.register(before[name])
    if taken:
        raise PluginError(f"it registers the protocol {taken[0]!r}, which is ProxyCast's own")


def _takes_two(create: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(create).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    second = [parameter for parameter in parameters if parameter.kind in kinds][1:2]
    return any(parameter.default is inspect.Parameter.empty or parameter.name == "plugin" for parameter in second)


def executable(plugin: Plugin) -> Provider:
    """The provider of a plugin that is a process of its own, which is started when it is first needed. Raises
    PluginError."""
    usable(plugin)
    plugin.argv()
    manifest = plugin.provider_manifest()
    check_manifest(manifest)
    from addons.plugins.bridge import remote  # its imports are many, and most have no executables

    return remote.create(plugin, manifest)


def is_executable(plugin: Plugin) -> bool:
    return plugin.runtime is Runtime.EXECUTABLE
