"""One plugin as it lies on disk: `plugins/NAME/` with `plugin.json` or `manifest.toml`, `config.json`, `bin/`, `dist/`
and `data/`."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import orjson
from pydantic import ValidationError

from addons.plugins import config as configs
from addons.plugins.config import PluginConfig
from addons.plugins.manifest import PluginManifest
from addons.providers.api import Manifest
from addons.providers.registry import read_folder

PLUGIN_FILE = "plugin.json"
MANIFEST_FILE = "manifest.toml"
#: What belongs to the user rather than to the plugin's version: kept by updates, no part of the digest.
OWN = frozenset((configs.FILE, "data"))
_CACHES = frozenset(("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".git"))
#: What says nothing about a plugin when it changes.
PASSED_OVER = _CACHES | {"data"}


class PluginError(Exception):
    """A plugin cannot be used; the text says why, in one line."""


class Runtime(StrEnum):
    """What a plugin is besides data."""

    MANIFEST = "manifest"  # nothing
    PYTHON = "python"  # code in the gateway's process
    EXECUTABLE = "executable"  # a process of its own, JSON-RPC over stdin and stdout


@dataclass(frozen=True, slots=True)
class Plugin:
    """A folder that was read. `problem` says why it cannot be used ("" = it can); `manifest` is then as far as
    known."""

    folder: Path
    manifest: PluginManifest
    config: PluginConfig = field(default_factory=PluginConfig)
    problem: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def data(self) -> Path:
        """The plugin's own place, made when it is first needed; an update keeps it."""
        return self.folder / "data"

    @property
    def granted(self) -> frozenset[str]:
        """Permissions that it asks for and its user granted."""
        return frozenset(self.config.permissions).intersection(self.manifest.wanted_permissions)

    @property
    def python_entry(self) -> Path | None:
        """The file to import, for a plugin that runs in process."""
        entry = self.manifest.entry
        if self.manifest.command:
            return None
        if entry:
            path = self.folder / entry
            if path.is_dir():
                return path / "__init__.py"
            return path if path.suffix == ".py" else None
        package = self.folder / "__init__.py"
        return package if package.exists() and self.manifest.binary is None else None

    @property
    def runtime(self) -> Runtime:
        if self.python_entry is not None:
            return Runtime.PYTHON
        executable = self.manifest.command or self.manifest.entry or self.manifest.binary
        return Runtime.EXECUTABLE if executable else Runtime.MANIFEST

    def argv(self) -> list[str]:
        """How an executable is started, with the plugin's folder as working directory; raises PluginError."""
        manifest = self.manifest
        if manifest.command:
            program, *rest = manifest.command
            own = self.folder / program
            if "/" in program or own.is_file():
                return [str(self._program(own)), *rest]
            found = shutil.which(program)
            if found is None:
                raise PluginError(f"needs the program {program!r}, which is not installed here")
            return [found, *rest]
        if manifest.entry:
            return [str(self._program(self.folder / manifest.entry))]
        if manifest.binary is not None:
            names = (manifest.binary.binary_name, manifest.binary.binary_name + ".exe")
            found_own = next((p for name in names if (p := self.folder / "bin" / name).is_file()), None)
            return [str(self._program(found_own or self.folder / "bin" / names[0]))]
        raise PluginError("names no executable")

    def _program(self, path: Path) -> Path:
        if not path.is_file():
            raise PluginError(f"the program {path.relative_to(self.folder)} is missing")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise PluginError(f"the program {path.relative_to(self.folder)} is a link out of the plugin's folder")
        return path

    def provider_manifest(self) -> Manifest:
        """Of the provider that it offers: `manifest.toml` where there is one, else `plugin.json`'s block. Raises
        PluginError."""
        if (self.folder / MANIFEST_FILE).is_file():
            try:
                return read_folder(self.folder)
            except Exception as error:  # whatever a stranger's file brings about
                raise PluginError(f"{MANIFEST_FILE}: {one_line(error)}") from error
        if self.manifest.provider is None:
            raise PluginError(f"neither {MANIFEST_FILE} nor a `provider` in {PLUGIN_FILE}")
        return self.manifest.provider.manifest(self.manifest)

    def digest(self) -> str:
        """SHA-256 over names, modes and contents of all that a version consists of; not of config.json and data."""
        total = hashlib.sha256()
        for path in sorted(contents(self.folder)):
            name = path.relative_to(self.folder).as_posix()
            program = bool(path.stat().st_mode & 0o100)
            total.update(f"{name}\0{program}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()


def contents(folder: Path) -> list[Path]:
    """The files of a plugin's version, without caches and what is the user's."""
    found = []
    for root, folders, files in folder.walk():
        top = root == folder
        folders[:] = [name for name in folders if name not in _CACHES and not (top and name in OWN)]
        found += [root / name for name in files if not (top and (name in OWN or name.startswith(".config.")))]
    return [path for path in found if path.is_file()]


def one_line(error: BaseException) -> str:
    """What is wrong, without the lines that follow in some errors."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else str(first["msg"])
    text = str(error).strip().split("\n")[0][:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def read(folder: Path) -> Plugin:
    """The plugin in `folder`; what is wrong with it is its `problem`, so nothing is raised for one bad folder."""
    config, problem = PluginConfig(), ""
    try:
        next(folder.iterdir(), None)  # a folder that cannot be read looks like an empty one
    except OSError as error:
        return Plugin(folder, PluginManifest.model_construct(name=folder.name), config, one_line(error))
    try:
        config = configs.read(folder)
    except (OSError, ValueError) as error:
        problem = f"{configs.FILE}: {one_line(error)}"
    manifest = None
    try:
        manifest = _manifest(folder)
        if manifest is None:
            problem = problem or f"neither {PLUGIN_FILE} nor {MANIFEST_FILE} in it"
    except (OSError, ValueError) as error:
        problem = f"{PLUGIN_FILE}: {one_line(error)}"
    return Plugin(folder, manifest or PluginManifest.model_construct(name=folder.name), config, problem)


def _manifest(folder: Path) -> PluginManifest | None:
    path = folder / PLUGIN_FILE
    if path.is_file():
        return PluginManifest.model_validate(orjson.loads(path.read_bytes()))
    return PluginManifest(name=folder.name) if (folder / MANIFEST_FILE).is_file() else None


def is_plugin_folder(path: Path) -> bool:
    """Whether `path` is to be looked at: hidden folders are those of installations under way, and of a plugin that was
    removed its data may be left."""
    if path.name.startswith((".", "_")) or not path.is_dir():
        return False
    try:
        return any(entry.name != "data" for entry in path.iterdir())
    except FileNotFoundError:
        return False  # gone in the meantime
    except OSError:
        return True  # what is wrong with it is to be told
