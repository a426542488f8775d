"""Puts a plugin together from files that are fetched one by one: plugin.json, the program for this machine, its page.

Nothing that was fetched is used before its checksum was compared: with the plugin's `checksum_file` where it names one,
else with the sum that the release's server states.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from addons.plugins.folder import PLUGIN_FILE, PluginError, one_line
from addons.plugins.install import archive, checksums
from addons.plugins.install.checksums import Checked
from addons.plugins.install.download import Downloads, NotFoundError
from addons.plugins.install.releases import PAGES, SUMS, Asset
from addons.plugins.manifest import Binary, PluginManifest
from addons.plugins.platforms import here


@dataclass(slots=True)
class Parts:
    """Fetches into `folder`, the plugin's; `scratch` is for what is on its way. `find` knows where a file is to be had,
    or that it is not."""

    folder: Path
    scratch: Path
    downloads: Downloads
    find: Callable[[str], Asset | None]
    checked: list[Checked] = field(default_factory=list)
    _sums: dict[str, dict[str, str]] = field(default_factory=dict)

    def add_program(self, manifest: PluginManifest) -> None:
        """Its executable for this machine, into `bin/`. Raises PluginError."""
        binary = manifest.binary
        assert binary is not None
        name = binary.platform_binaries.get(here())
        if name is None:
            there = ", ".join(binary.platform_binaries) or "none"
            raise PluginError(f"there is no program of it for {here()}; there are: {there}")
        path = self.fetch(name, binary.checksum_file)
        target = self.folder / "bin" / _program_name(binary, name)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if archive.is_archive(name):
            path = self._inside(path, binary)
        shutil.copyfile(path, target)
        target.chmod(0o700)

    def add_page(self, manifest: PluginManifest) -> None:
        """Its page, into `dist/`, where there is one that the archive does not hold. Raises PluginError."""
        if manifest.ui is None or (self.folder / "dist").exists():
            return
        name = next((name for name in PAGES if self.find(name) is not None), None)
        if name is None:
            return
        path = self.fetch(name, manifest.binary.checksum_file if manifest.binary else "")
        shutil.move(archive.unpack(path, self.scratch / "page"), self.folder / "dist")

    def fetch(self, name: str, checksum_file: str) -> Path:
        """A file whose sum is right; raises PluginError."""
        asset = self.find(name)
        if asset is None:
            raise PluginError(f"{name} is not there, though plugin.json names it")
        path = self.scratch / f"{len(self.checked)}-{Path(name).name}"
        try:
            self.downloads.file(asset.url, path)
        except NotFoundError:
            raise PluginError(f"{name} is not there, though plugin.json names it ({asset.url})") from None
        self.checked.append(self.verified(path, asset, checksum_file))
        return path

    def verified(self, path: Path, asset: Asset, checksum_file: str) -> Checked:
        """Raises PluginError for another file, and for one that nothing vouches for."""
        name = Path(asset.name).name
        for sums_name in [checksum_file] if checksum_file else SUMS:
            sums = self._read_sums(sums_name, needed=bool(checksum_file))
            if name in sums:
                return checksums.verify(path, sums[name], asset.name, sums_name)
        if checksum_file:
            raise PluginError(f"{checksum_file} has no checksum of {asset.name}")
        if asset.sha256:
            return checksums.verify(path, asset.sha256, asset.name, "the release's digest")
        raise PluginError(f"there is no checksum of {asset.name}: neither a checksum file nor a digest of the release")

    def _read_sums(self, name: str, *, needed: bool) -> dict[str, str]:
        if name not in self._sums:
            asset = self.find(name)
            try:
                self._sums[name] = checksums.parse(self.downloads.text(asset.url)) if asset is not None else {}
            except NotFoundError:
                asset = None
                self._sums[name] = {}
            if needed and asset is None:
                raise PluginError(f"the checksum file {name} is not there")
        return self._sums[name]

    def _inside(self, path: Path, binary: Binary) -> Path:
        """The program in an archive of it."""
        folder = archive.unpack(path, self.scratch / "program")
        names = {binary.binary_name, binary.binary_name + ".exe"}
        found = sorted(file for file in folder.rglob("*") if file.name in names and file.is_file())
        if not found:
            raise PluginError(f"{path.name} holds no {binary.binary_name}")
        return found[0]


def _program_name(binary: Binary, asset: str) -> str:
    return binary.binary_name + (".exe" if asset.endswith(".exe") and not binary.binary_name.endswith(".exe") else "")


def written(text: str, folder: Path) -> PluginManifest:
    """plugin.json into the folder; raises PluginError for what is none."""
    try:
        manifest = PluginManifest.model_validate_json(text)
    except ValueError as error:
        raise PluginError(f"{PLUGIN_FILE} cannot be used: {one_line(error)}") from error
    (folder / PLUGIN_FILE).write_text(text, "utf-8")
    return manifest
