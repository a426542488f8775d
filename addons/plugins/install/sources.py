"""Where a plugin comes from: a folder, an archive, an address, a GitHub repository; each fetches it into a folder."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urldefrag, urljoin, urlsplit

from addons.plugins import folder as folders
from addons.plugins.folder import MANIFEST_FILE, PLUGIN_FILE, PluginError, one_line
from addons.plugins.install import archive, checksums, parts, releases
from addons.plugins.install.checksums import Checked
from addons.plugins.install.download import Downloads, NotFoundError
from addons.plugins.install.parts import Parts
from addons.plugins.install.releases import Asset, Release
from addons.plugins.manifest import PluginManifest

#: An owner's name has no dots: `./acme` and `../acme` are paths.
_REPOSITORY = re.compile(r"(?:https://github\.com/)?(\w[\w-]*)/(?!\.{1,2}/?$)([\w.-]+?)(?:\.git)?/?")


@dataclass(frozen=True, slots=True)
class Fetched:
    """`folder` holds the plugin; `checked` what its files' sums were compared with."""

    folder: Path
    checked: list[Checked]


class Source(Protocol):
    """`text` names it, so that an update finds it again."""

    @property
    def text(self) -> str: ...

    def fetch(self, scratch: Path, downloads: Downloads) -> Fetched:
        """Into the empty folder `scratch`; raises PluginError, OSError."""

    def version(self, downloads: Downloads) -> str:
        """The newest there is; "" where only fetching it all would tell. Raises PluginError, OSError."""


def parse(text: str, sha256: str = "") -> Source:
    """What the user named; `sha256` is the sum that an archive must have. Raises PluginError."""
    wanted = checksums.bare(sha256) if sha256 else ""
    path = Path(text).expanduser()
    if path.is_dir():
        return FromFolder(path.resolve())
    if path.is_file():
        if not archive.is_archive(path.name):
            raise PluginError(f"{text} is no archive: it ends in none of {', '.join(archive.SUFFIXES)}")
        return FromFile(path.resolve(), wanted)
    repository = _REPOSITORY.fullmatch(text)
    if repository is not None and not archive.is_archive(text):
        return FromGithub(repository[1], repository[2])
    if urlsplit(text).scheme in ("http", "https"):
        url, fragment = urldefrag(text)
        if fragment.startswith("sha256="):
            wanted = wanted or checksums.bare(fragment.removeprefix("sha256="))
        return FromUrl(url, wanted)
    raise PluginError(f"there is no file or folder {text!r}, and it is neither an address nor OWNER/REPO")


@dataclass(frozen=True, slots=True)
class FromFolder:
    """Copied as it is, but for caches and what would be its user's."""

    path: Path

    @property
    def text(self) -> str:
        return str(self.path)

    def fetch(self, scratch: Path, downloads: Downloads) -> Fetched:
        folder, total = scratch / "plugin", 0
        folder.mkdir(mode=0o700)
        files = folders.contents(self.path)
        if len(files) > archive.MAX_FILES:
            raise PluginError(f"{self.path} holds more than {archive.MAX_FILES} files: is it a plugin's folder?")
        for file in files:
            if not file.resolve().is_relative_to(self.path):
                raise PluginError(f"{file.relative_to(self.path)} is a link out of the plugin's folder")
            total += file.stat().st_size
            if total > archive.MAX_BYTES:
                raise PluginError(f"{self.path} holds more than {archive.MAX_BYTES >> 20} MiB")
            target = folder / file.relative_to(self.path)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            program = file.stat().st_mode & 0o111 and file.relative_to(self.path).parts[0] == "bin"
            target.chmod(0o700 if program else 0o600)
        return Fetched(folder, [Checked(self.path.name, folders.read(folder).digest())])

    def version(self, downloads: Downloads) -> str:
        return folders.read(self.path).manifest.version


@dataclass(frozen=True, slots=True)
class FromFile:
    """An archive on this machine; its sum is shown, and compared where the user gave one."""

    path: Path
    sha256: str = ""

    @property
    def text(self) -> str:
        return str(self.path)

    def fetch(self, scratch: Path, downloads: Downloads) -> Fetched:
        name = self.path.name
        checked = Checked(name, checksums.of_file(self.path))
        if self.sha256:
            checked = checksums.verify(self.path, self.sha256, name, "--sha256")
        return Fetched(archive.unpack(self.path, scratch / "plugin"), [checked])

    def version(self, downloads: Downloads) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class FromUrl:
    """The address of an archive, whose sum the user gives (`#sha256=…`) or lies beside it (`….sha256`); or of a
    plugin.json, beside which the files that it names lie."""

    url: str
    sha256: str = ""

    @property
    def text(self) -> str:
        return self.url

    @property
    def _name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]

    def fetch(self, scratch: Path, downloads: Downloads) -> Fetched:
        if not archive.is_archive(self._name):
            return self._from_plugin_json(scratch, downloads)
        file = downloads.file(self.url, scratch / self._name)
        wanted, against = self.sha256, "the given checksum"
        if not wanted:
            parts = urlsplit(self.url)
            beside = parts._replace(path=parts.path + ".sha256").geturl()
            try:
                wanted, against = checksums.bare(downloads.text(beside)), f"{self._name}.sha256"
            except NotFoundError:
                raise PluginError(
                    f"there is no checksum of {self._name}: give it to `plugins install` with --sha256, or put "
                    f"{self._name}.sha256 beside it"
                ) from None
        checked = checksums.verify(file, wanted, self._name, against)
        return Fetched(archive.unpack(file, scratch / "plugin"), [checked])

    def version(self, downloads: Downloads) -> str:
        if archive.is_archive(self._name):
            return ""
        try:
            return PluginManifest.model_validate_json(downloads.text(self.url)).version
        except ValueError as error:
            raise PluginError(f"{self.url}: no plugin.json: {one_line(error)}") from error

    def _from_plugin_json(self, scratch: Path, downloads: Downloads) -> Fetched:
        folder = scratch / "plugin"
        folder.mkdir(mode=0o700)
        manifest = parts.written(downloads.text(self.url), folder)
        binary = manifest.binary
        if binary is None:
            raise PluginError(f"{self.url} names no `binary`: a plugin of several files is installed as an archive")
        if binary.github_owner and binary.github_repo:
            release = releases.latest(binary.github_owner, binary.github_repo, downloads)
            made = Parts(folder, scratch, downloads, release.assets.get)
        else:
            made = Parts(folder, scratch, downloads, lambda name: Asset(name, urljoin(self.url, name)))
        made.add_program(manifest)
        if binary.github_owner and binary.github_repo:
            made.add_page(manifest)
        return Fetched(folder, made.checked)


@dataclass(frozen=True, slots=True)
class FromGithub:
    """The newest release: a plugin.json and the program for this machine, or one archive of the plugin."""

    owner: str
    repo: str

    @property
    def text(self) -> str:
        return f"{self.owner}/{self.repo}"

    def fetch(self, scratch: Path, downloads: Downloads) -> Fetched:
        release = releases.latest(self.owner, self.repo, downloads)
        made = Parts(scratch / "plugin", scratch, downloads, release.assets.get)
        manifest = self._described(release, made) or self._packed(release, made)
        folder = made.folder
        if manifest.binary is not None and not (folder / "bin").is_dir():
            made.add_program(manifest)
        made.add_page(manifest)
        return Fetched(folder, made.checked)

    @staticmethod
    def _described(release: Release, made: Parts) -> PluginManifest | None:
        """From a plugin.json of its own; None where there is none, or where it goes with an archive of code."""
        described = release.assets.get(PLUGIN_FILE)
        if described is None:
            return None
        text = made.downloads.text(described.url)
        made.folder.mkdir(mode=0o700)
        manifest = parts.written(text, made.folder)
        if manifest.binary is None and any(archive.is_archive(name) for name in release.assets):
            shutil.rmtree(made.folder)
            return None
        if MANIFEST_FILE in release.assets:
            sums = manifest.binary.checksum_file if manifest.binary else ""
            shutil.copyfile(made.fetch(MANIFEST_FILE, sums), made.folder / MANIFEST_FILE)
        return manifest

    def _packed(self, release: Release, made: Parts) -> PluginManifest:
        asset = release.plugin_archive(self.repo)
        file = made.fetch(asset.name, "")
        made.folder = archive.unpack(file, made.folder)
        manifest = folders.read(made.folder).manifest
        if manifest.binary is not None and manifest.binary.checksum_file:
            made.checked[0] = made.verified(file, asset, manifest.binary.checksum_file)
        return manifest

    def version(self, downloads: Downloads) -> str:
        return releases.latest(self.owner, self.repo, downloads).version
