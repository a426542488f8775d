"""The plugins of one process: finds them, makes their providers known, and follows changes on disk while it runs.

A look (`look`) reads the disk and imports code, so it belongs in a thread; `apply` changes the registry and belongs
where the registry is used. Exchanges hold the provider that they began with; what is replaced is closed when they are
over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from addons.plugins import entry_points, folder, loading
from addons.plugins.contract import Closes, Reconfigures
from addons.plugins.folder import MANIFEST_FILE, PLUGIN_FILE, Plugin, PluginError
from addons.providers.api import Provider
from addons.providers.registry import Registry, UnknownProviderError

log = logging.getLogger(__name__)
#: How long after its last change a folder that is written in place counts as unfinished, in seconds.
SETTLE = 0.5
#: How long exchanges may go on with a provider that was replaced, in seconds: as long as an answer may take.
RETIRED = 660.0

Stamp = tuple[tuple[str, int, int, int], ...]  # name, modified in nanoseconds, size, inode


class Origin(StrEnum):
    FOLDER = "folder"
    ENTRY_POINT = "entry_point"


class Status(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"
    UNUSED = "unused"  # of a type that this version does not use
    BROKEN = "broken"


class RefusedError(PluginError):
    """A plugin that is sound, but has a name that is taken."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin and what became of it. `problem` may stand beside a provider: that of the version before goes on."""

    plugin: Plugin
    origin: Origin
    digest: str = ""
    provider: Provider | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        return self.plugin.name

    @property
    def status(self) -> Status:
        if not self.plugin.config.enabled and not self.plugin.problem:
            return Status.DISABLED
        if not self.plugin.manifest.is_used:
            return Status.UNUSED
        return Status.BROKEN if self.problem else Status.ACTIVE


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found to be new of one plugin; without `now` it is gone. `now.provider` is made already, unless it is
    an executable."""

    name: str
    stamp: Stamp = ()
    now: Loaded | None = None


class PluginHost:
    """`plugins` is the folder of plugins, `registry` knows the built-in providers already; `without` names a plugin
    that is left out."""

    def __init__(
        self,
        plugins: Path,
        registry: Registry,
        points: Callable[[], Iterable[metadata.EntryPoint]] = entry_points.installed,
        *,
        without: str = "",
    ) -> None:
        self._folder, self._registry, self._without = plugins, registry, without
        self._points = {point.name: point for point in points()}
        self._loaded: dict[str, Loaded] = {}
        self._stamps: dict[str, Stamp] = {}
        self._missed: set[str] = set()  # gone at the last look: an update takes two renames
        #: Built-in providers by id, while a plugin has their place; None for a preset, which needs no restoring.
        self._shadowed: dict[str, Provider | None] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def plugins(self) -> list[Loaded]:
        """All that were found, by name."""
        return [self._loaded[name] for name in sorted(self._loaded)]

    def get(self, name: str) -> Loaded | None:
        """The plugin of that name."""
        return self._loaded.get(name)

    def load(self) -> list[str]:
        """First look; → what became of each plugin, a sentence each."""
        return self.apply(self.look(settle=0.0))

    # -- looking

    def look(self, settle: float = SETTLE) -> list[Found]:
        """What changed since the last `apply`. Costs a few `stat`s for each plugin when nothing did. A folder that was
        written to within the last `settle` seconds is left for the next look."""
        now = time.time_ns()
        found, seen = [], set()
        for path in self._folders():
            seen.add(path.name)
            stamp = _stamp(path)
            if stamp == self._stamps.get(path.name):
                continue
            if any(abs(now - modified) < settle * 1e9 for _, modified, _, _ in stamp):
                continue
            found.append(Found(path.name, stamp, self._read(path)))
        gone = self._loaded.keys() - seen
        found += [Found(name) for name in sorted(gone & self._missed if settle else gone)]
        self._missed = set(gone)
        return found

    def _folders(self) -> list[Path]:
        try:
            found = {path.name: path for path in self._folder.iterdir() if folder.is_plugin_folder(path)}
        except OSError:  # none yet, or for nobody to read
            found = {}
        for name in self._points:
            found.setdefault(name, self._folder / name)
        return [found[name] for name in sorted(found) if name != self._without]

    def _read(self, path: Path) -> Loaded:
        point = self._points.get(path.name)
        plugin = folder.read(path)
        if point is not None and not (path / PLUGIN_FILE).exists() and not (path / MANIFEST_FILE).exists():
            plugin = entry_points.describe(point, self._folder)
            loaded = Loaded(plugin, Origin.ENTRY_POINT, point.value)
        else:
            point = None
            loaded = Loaded(plugin, Origin.FOLDER)
        try:
            if point is None:
                loaded = replace(loaded, digest=plugin.digest())
            if not plugin.config.enabled and not plugin.problem:
                return loaded
            if self._is_same(loaded) or loading.is_executable(plugin):
                return loaded
            return replace(loaded, provider=self._make(loaded))
        except PluginError as error:
            return replace(loaded, problem=str(error))
        except Exception as error:  # one plugin must not keep the others from being looked at
            return replace(loaded, problem=folder.one_line(error))

    def _is_same(self, loaded: Loaded) -> bool:
        """Whether the version that is already at work would be made again."""
        known = self._loaded.get(loaded.name)
        return (
            known is not None
            and known.provider is not None
            and not known.problem
            and (known.digest, known.plugin.manifest) == (loaded.digest, loaded.plugin.manifest)
            and (known.plugin.config == loaded.plugin.config or isinstance(known.provider, Reconfigures))
        )

    # -- applying

    def apply(self, found: Iterable[Found]) -> list[str]:
        """Take over what a look found; → a sentence for each change."""
        return [sentence for one in found for sentence in self._apply(one)]

    def _apply(self, found: Found) -> Iterator[str]:
        before, now = self._loaded.get(found.name), found.now
        if now is None:
            self._loaded.pop(found.name, None)
            self._stamps.pop(found.name, None)
            self._withdraw(before)
            yield f"the plugin {found.name} is gone"
            return
        self._stamps[found.name] = found.stamp
        was = before.provider if before is not None else None
        try:
            now = self._with_provider(now, before)
        except RefusedError as error:
            now = replace(now, provider=None, problem=str(error))
        except PluginError as error:
            now = replace(now, provider=was, problem=str(error))  # a broken edit keeps the version before
        if now.provider is not was:
            self._withdraw(before)
            if now.provider is not None:
                self._register(now.provider)
        self._loaded[found.name] = now
        if now.status is Status.BROKEN:
            left = "" if now.provider is None else "; the version before goes on"
            yield f"the plugin {now.name} cannot be used: {now.problem}{left}"
        elif before is None or now.provider is not was or before.status is not now.status:
            yield f"the plugin {now.name} {now.plugin.manifest.version} is {now.status}"

    def _with_provider(self, now: Loaded, before: Loaded | None) -> Loaded:
        """With the provider that is to serve from now on. Raises PluginError."""
        if now.problem:
            raise PluginError(now.problem)
        if not now.plugin.config.enabled:
            return now
        provider = now.provider
        if provider is None and before is not None and self._is_same(now):
            kept = before.provider
            if now.plugin.config == before.plugin.config or self._takes(kept, now.plugin):
                provider = kept
        if provider is None:
            provider = self._make(now)
        self._admit(provider, now)
        return replace(now, provider=provider)

    @staticmethod
    def _takes(provider: Provider | None, plugin: Plugin) -> bool:
        """Whether it has taken the new settings."""
        try:
            return isinstance(provider, Reconfigures) and provider.reconfigure(plugin) is True
        except Exception:
            log.exception("proxycast: the plugin %s failed in reconfigure", plugin.name)
            return False

    def _make(self, loaded: Loaded) -> Provider:
        """Raises PluginError."""
        plugin = loaded.plugin
        if loaded.origin is Origin.ENTRY_POINT:
            return entry_points.provider(self._points[plugin.name], plugin)
        return (
            loading.executable(plugin) if loading.is_executable(plugin) else loading.in_process(plugin, loaded.digest)
        )

    def _admit(self, provider: Provider, plugin: Loaded) -> None:
        """Raises RefusedError where another provider has one of its names."""
        owners = {
            one.provider.manifest.id: one.name
            for one in self._loaded.values()
            if one.provider is not None and one.name != plugin.name
        }
        manifest = provider.manifest
        for own in self._registry.own():
            if own.manifest.id != manifest.id and (taken := set(own.manifest.env).intersection(manifest.env)):
                raise RefusedError(f"{min(taken)} is a variable of the provider {own.manifest.id!r}, not of its own")
        for name in (manifest.id, *manifest.aliases):
            try:
                holder = self._registry.get(name).manifest.id
            except UnknownProviderError:
                continue
            if holder in owners:
                raise RefusedError(f"the plugin {owners[holder]} has the provider {name!r} already")
            known = self._loaded.get(plugin.name)
            mine = known is not None and known.provider is not None and known.provider.manifest.id == holder
            replaces = plugin.plugin.config.replaces_builtin
            if (mine and (holder not in self._shadowed or replaces)) or (replaces and holder == manifest.id):
                continue
            advice = '; `"replaces_builtin": true` in its config.json (--replace-builtin) lets it take that place'
            raise RefusedError(
                f"{name!r} is the name of a provider that ProxyCast has already{advice if name == manifest.id else ''}"
            )

    def _register(self, provider: Provider) -> None:
        provider_id = provider.manifest.id
        with contextlib.suppress(UnknownProviderError):
            own = self._registry.get(provider_id)
            self._shadowed[provider_id] = own if own in list(self._registry) else None
        self._registry.register(provider, foreign=True)

    def _withdraw(self, loaded: Loaded | None) -> None:
        """Nobody chooses it any more; what it shadowed is back; those that it kept out are looked at again."""
        if loaded is None or loaded.provider is None:
            return
        provider_id = loaded.provider.manifest.id
        self._registry.unregister(provider_id)
        own = self._shadowed.pop(provider_id, None)
        if own is not None:
            self._registry.register(own)
        for other in self._loaded.values():
            if other.problem and other.name != loaded.name:
                self._stamps.pop(other.name, None)
        self._retire(loaded.provider, RETIRED)

    # -- closing

    def _retire(self, provider: Provider, grace: float) -> None:
        if not isinstance(provider, Closes):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # as in a command: nothing was started by it
            return
        task = loop.create_task(_closed(provider, grace))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self, grace: float) -> None:
        """The end: let every provider go, those of older versions as well, within `grace` seconds."""
        for loaded in self._loaded.values():
            if loaded.provider is not None:
                self._retire(loaded.provider, grace)
        if self._closing:
            _, late = await asyncio.wait(self._closing, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _closed(provider: Closes, grace: float) -> None:
    try:
        await provider.close(grace)
    except Exception:
        log.exception("proxycast: a plugin failed in close")


def _stamp(path: Path) -> Stamp:
    """What tells one state of a plugin's folder from another: its files and folders, not what lies deeper."""
    found = []
    try:
        entries = list(path.iterdir())
    except OSError:
        return ()
    for entry in entries:
        if entry.name in folder.PASSED_OVER or entry.name.startswith("."):
            continue
        try:
            stat = entry.stat()
        except OSError:
            continue
        found.append((entry.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(sorted(found))
