"""Providers that installed Python packages bring: entry points of the group `proxycast.providers`.

An entry point is a module with a `manifest.toml` beside it (and a `create`, where data is not enough), or a factory
`Manifest -> Provider` from such a module.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

from addons.plugins import config as configs
from addons.plugins import loading
from addons.plugins.folder import MANIFEST_FILE, Plugin, PluginError, one_line
from addons.plugins.manifest import PluginManifest, safe_name
from addons.providers.api import Provider
from addons.providers.registry import read_folder

GROUP = "proxycast.providers"


def installed() -> list[metadata.EntryPoint]:
    """In the order of their names; one of several with a name."""
    return [found for _, found in sorted({point.name: point for point in metadata.entry_points(group=GROUP)}.items())]


def describe(point: metadata.EntryPoint, plugins: Path) -> Plugin:
    """As a plugin; its user's `config.json`, if any, lies in the folder of its name in `plugins`."""
    folder, dist = plugins / point.name, point.dist
    fields = {"version": dist.version, "description": dist.metadata.get("Summary") or ""} if dist is not None else {}
    try:
        manifest = PluginManifest(name=safe_name(point.name), **fields)
        return Plugin(folder, manifest, configs.read(folder))
    except (OSError, ValueError) as error:
        return Plugin(folder, PluginManifest.model_construct(name=point.name), problem=one_line(error))


def provider(point: metadata.EntryPoint, plugin: Plugin) -> Provider:
    """Imports it; raises PluginError."""
    loading.usable(plugin)
    with loading.clients_protocols_kept():
        try:
            found = point.load()
        except (Exception, SystemExit) as error:
            raise PluginError(f"its code cannot be imported: {one_line(error)}") from error
    module = found if isinstance(found, ModuleType) else sys.modules.get(getattr(found, "__module__", ""))
    file = getattr(module, "__file__", None)
    if file is None or not (isinstance(found, ModuleType) or callable(found)):
        raise PluginError(f"{point.value} is neither a module nor a factory of providers")
    try:
        manifest = read_folder(Path(file).parent)
    except Exception as error:  # whatever a stranger's file brings about
        raise PluginError(f"{MANIFEST_FILE} beside {point.value}: {one_line(error)}") from error
    return loading.made_by(found, plugin, manifest)
