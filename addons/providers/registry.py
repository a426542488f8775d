"""Finds providers: every folder beside this module that holds a `manifest.toml`, and whatever registers itself."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from addons.config.settings import CustomProvider
from addons.login import flow
from addons.providers import header_profile
from addons.providers.api import ErrorRule, Factory, Manifest, Provider
from addons.providers.header_profile import HeaderProfile
from addons.providers.limit_headers import LimitHeaders
from addons.providers.presets import CustomProviders, Presets
from addons.providers.quota_endpoint import QuotaEndpoint
from addons.vault import foreign_files
from addons.vault.oauth import OAuth
from translators.canonical.errors import ErrorKind


class UnknownProviderError(LookupError):
    """No provider has that id or alias."""


def read_folder(folder: Path) -> Manifest:
    """A provider's folder as a Manifest: its `manifest.toml` and, where there is one, its `headers.toml`. Raises
    OSError, TypeError or ValueError."""
    manifest = read_manifest((folder / "manifest.toml").read_text("utf-8"))
    if not (folder / header_profile.FILE).is_file():
        return manifest
    return replace(manifest, header_profile=HeaderProfile(manifest.id, folder))


def read_manifest(text: str) -> Manifest:
    """A `manifest.toml` as a Manifest; raises TypeError or ValueError for what does not belong there."""
    data: dict[str, Any] = tomllib.loads(text)
    targets = tuple(
        (str(row["match"]), {name: value for name, value in row.items() if name != "match"})
        for row in data.pop("targets", [])
    )
    for _, overrides in targets:
        for name, value in overrides.items():
            if isinstance(value, list):
                overrides[name] = tuple(value)
    errors = tuple(ErrorRule(**{**row, "kind": ErrorKind(row["kind"])}) for row in data.pop("errors", []))
    limits = tuple(LimitHeaders(**row) for row in data.pop("limits", []))
    data["login"] = tuple(flow.read(row) for row in data.pop("login", []))
    quota = tuple(QuotaEndpoint(**row) for row in data.pop("quota", []))
    data.setdefault("reads_quota", bool(quota))
    for name in ("protocols", "aliases", "models", "known_models", "dropped_headers", "env"):
        if isinstance(data.get(name), str):
            raise TypeError(f"{name} is a list of texts")
        if name in data:
            data[name] = tuple(data[name])
    if "oauth" in data:
        table: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data["oauth"].items()}
        if "file" in table:
            table["file"] = foreign_files.read_format(table["file"])
        data["oauth"] = OAuth(**table)
    return Manifest(**data, targets=targets, errors=errors, limits=limits, quota=quota)


class Registry:
    """Providers by id and alias; where none has the name, the sources (presets) are asked in order (decision 15)."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self._aliases: dict[str, str] = {}
        self._sources: list[Presets] = []
        self._foreign: set[str] = set()
        self.version = 0  # changes with what is registered

    def add_source(self, source: Presets) -> None:
        """Ask `source` for names that no provider has, before the sources that are already there."""
        self._sources.insert(0, source)
        self.version += 1

    def add_custom(self, read: Callable[[], Mapping[str, CustomProvider]]) -> None:
        """Know the providers of config.toml, as `read` shows them at any moment."""
        self.add_source(CustomProviders(self.manifest, read))

    def manifest(self, name: str) -> Manifest:
        """Of a registered provider; raises KeyError."""
        return self._providers[name].manifest

    def register(self, provider: Provider, *, foreign: bool = False) -> None:
        """Make a provider available; one of the same id is replaced. `foreign`: it is none of ProxyCast's own."""
        manifest = provider.manifest
        (self._foreign.add if foreign else self._foreign.discard)(manifest.id)
        self.version += 1
        self._providers[manifest.id] = provider
        for alias in manifest.aliases:
            self._aliases[alias] = manifest.id

    def own(self) -> Iterator[Provider]:
        """Those that come with ProxyCast: what a plugin says of itself is not to be believed everywhere."""
        return (provider for provider in self if provider.manifest.id not in self._foreign)

    def unregister(self, provider_id: str) -> None:
        self.version += 1
        self._providers.pop(provider_id, None)
        self._aliases = {alias: target for alias, target in self._aliases.items() if target != provider_id}

    def get(self, name: str) -> Provider:
        """By id or alias; raises UnknownProviderError."""
        provider = self._providers.get(self._aliases.get(name, name))
        if provider is not None:
            return provider
        for source in self._sources:
            found = source.get(name)
            if found is not None:
                return found
        known = ", ".join(sorted(self._providers))
        more = "`proxycast providers list --presets`"
        raise UnknownProviderError(f"there is no provider {name!r}; there are: {known}; and presets: {more}") from None

    def presets(self) -> Iterator[Provider]:
        """Everything from the sources that no provider shadows, each id once."""
        seen = {*self._providers, *self._aliases}
        for source in self._sources:
            for provider in source:
                if provider.manifest.id not in seen:
                    seen.add(provider.manifest.id)
                    yield provider

    def takes(self, name: str) -> bool:
        """Whether a provider has that id or alias, so that no source is asked for it."""
        return name in self._providers or name in self._aliases

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def load_folder(self, folder: Path, package: str) -> None:
        """Register every provider in `folder`: a sub-folder with a manifest, and, if it is a package, its `create`."""
        for manifest_file in sorted(folder.glob("*/manifest.toml")):
            manifest = read_folder(manifest_file.parent)
            create: Factory = Provider
            if (manifest_file.parent / "__init__.py").exists():
                module = importlib.import_module(f"{package}.{manifest_file.parent.name}")
                create = getattr(module, "create", Provider)
            self.register(create(manifest))


def built_in() -> Registry:
    """A registry with the providers and presets that come with ProxyCast."""
    registry = Registry()
    registry.load_folder(Path(__file__).parent, __package__)
    registry.add_source(Presets(registry.manifest))
    return registry
