"""Installs and updates: fetch, look, ask, try, put into place. What fails to load takes the place of nothing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from addons.plugins import config as configs
from addons.plugins import folder as folders
from addons.plugins import loading
from addons.plugins.bridge.errors import FAULTS
from addons.plugins.bridge.remote import RemoteProvider
from addons.plugins.config import PluginConfig
from addons.plugins.folder import Plugin, PluginError
from addons.plugins.host import PluginHost
from addons.plugins.install.checksums import Checked
from addons.plugins.install.download import Downloads
from addons.plugins.install.place import Place
from addons.plugins.install.sources import Source
from addons.plugins.manifest import PERMISSIONS, safe_name
from addons.providers.registry import built_in


@dataclass(slots=True)
class Prepared:
    """A version that is ready to be installed. `before` is the one that it would replace."""

    plugin: Plugin
    source: str
    checked: list[Checked]
    before: Plugin | None
    _place: Place = field(repr=False)

    @property
    def permissions(self) -> tuple[str, ...]:
        """What it wants and can be granted."""
        return tuple(name for name in self.plugin.manifest.wanted_permissions if name in PERMISSIONS)

    @property
    def new_permissions(self) -> tuple[str, ...]:
        """Those that its user has not granted yet."""
        granted = self.before.config.permissions if self.before is not None else ()
        return tuple(name for name in self.permissions if name not in granted)

    @property
    def is_same(self) -> bool:
        """Nothing would change: the version that is there has the same contents."""
        return self.before is not None and self.before.digest() == self.plugin.digest()

    def install(self, *, replaces_builtin: bool = False) -> Plugin:
        """With all its permissions granted, and where its user says so in place of the built-in provider that has its
        id; raises PluginError when it does not load, OSError. Both leave everything as it was."""
        before = self.before.config if self.before is not None else PluginConfig()
        config = before.with_changes(source=self.source, permissions=self.permissions)
        if replaces_builtin:
            config = config.with_changes(replaces_builtin=True)
        configs.write(self.plugin.folder, config.with_changes(enabled=True))
        self._try()
        return self._place.put(self.plugin, config)

    def _try(self) -> None:
        """Load it beside all others; raises PluginError."""
        registry, name = built_in(), self.plugin.name
        others = PluginHost(self._place.plugins, registry, without=name)
        others.load()
        alone = PluginHost(self.plugin.folder.parent, registry, points=list)
        alone.load()
        loaded = alone.get(name)
        if loaded is not None and loaded.problem:
            raise PluginError(loaded.problem)
        if loaded is not None and isinstance(loaded.provider, RemoteProvider):
            asyncio.run(_greet(loaded.provider))
            shutil.rmtree(self.plugin.data, ignore_errors=True)  # what it made there was for the trial


async def _greet(provider: RemoteProvider) -> None:
    """Whether it starts and answers; raises PluginError."""
    try:
        await provider.session.ready()
    except (*FAULTS, OSError) as error:
        raise PluginError(f"its program does not answer: {folders.one_line(error)}") from error
    finally:
        await provider.close(1.0)


class Installer:
    def __init__(self, plugins: Path) -> None:
        self.place = Place(plugins)

    def get(self, name: str) -> Plugin:
        """An installed plugin; raises PluginError."""
        path = self._path(name)
        if not folders.is_plugin_folder(path):
            raise PluginError(f"there is no plugin {name!r}")
        return folders.read(path)

    def _path(self, name: str) -> Path:
        try:
            return self.place.plugins / safe_name(name)
        except ValueError:
            raise PluginError(f"there is no plugin {name!r}") from None

    @contextmanager
    def prepared(self, source: Source, name: str = "") -> Iterator[Prepared]:
        """What the source has, staged; `name`: it must be that plugin. Raises PluginError, OSError."""
        with self.place.changing(), self.place.staging() as staging, Downloads() as downloads:
            scratch = staging / "fetched"
            scratch.mkdir(mode=0o700)
            fetched = source.fetch(scratch, downloads)
            plugin = self.place.stage(fetched.folder, staging)
            if name and plugin.name != name:
                raise PluginError(f"{source.text} is the plugin {plugin.name!r} now, not {name!r}")
            loading.check_version(plugin)
            place = self.place.plugins / plugin.name
            before = folders.read(place) if folders.is_plugin_folder(place) else None
            if before is not None and before.problem.startswith(configs.FILE):
                raise PluginError(f"{place / configs.FILE}: {before.problem}")
            yield Prepared(plugin, source.text, fetched.checked, before, self.place)

    def configure(self, name: str, **changes: object) -> Plugin:
        """Change fields of its config.json; raises PluginError, OSError."""
        plugin = self.get(name)
        if plugin.problem.startswith(configs.FILE):
            raise PluginError(plugin.problem)
        configs.write(plugin.folder, plugin.config.with_changes(**changes))
        return folders.read(plugin.folder)

    def removable(self, name: str, *, data: bool) -> None:
        """Raises PluginError where there is nothing of it; the data of one that was removed before is something."""
        if not (data and (self._path(name) / "data").is_dir()):
            self.get(name)

    def remove(self, name: str, *, data: bool) -> bool:
        """→ whether its data stays. Raises PluginError, OSError."""
        with self.place.changing():
            self.removable(name, data=data)
            return self.place.remove(name, data=data)
