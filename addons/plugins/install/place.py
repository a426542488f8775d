"""The plugins folder while it is changed: one change at a time, each whole or not at all.

A new version is made ready in a hidden folder beside its place and renamed into it. What a change that was cut off
(power, kill) left behind is mended by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from addons.plugins import config as configs
from addons.plugins import folder as folders
from addons.plugins.config import PluginConfig
from addons.plugins.folder import Plugin, PluginError

_STAGING = ".staging-"
_OLD = ".old-"


class Place:
    """`plugins` is the folder; use its methods within `changing`."""

    def __init__(self, plugins: Path) -> None:
        self.plugins = plugins

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Raises PluginError while another process changes plugins."""
        self.plugins.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.plugins / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PluginError("another command is changing plugins at this moment") from None
            self._mend()
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder on the same disk, gone afterwards with all that was not moved out of it."""
        folder = Path(tempfile.mkdtemp(dir=self.plugins, prefix=_STAGING))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def stage(self, fetched: Path, staging: Path) -> Plugin:
        """What was fetched, under its name, with nothing in it that is its user's to say; programs can be run. Raises
        PluginError."""
        for own in folders.OWN:
            path = fetched / own
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        plugin = folders.read(fetched)
        if plugin.problem:
            raise PluginError(plugin.problem)
        if not (fetched / folders.PLUGIN_FILE).is_file():
            raise PluginError(f"there is no {folders.PLUGIN_FILE} in it")
        staged = staging / "new" / plugin.manifest.name
        staged.parent.mkdir(mode=0o700)
        fetched.rename(staged)
        plugin = folders.read(staged)
        for program in _programs(plugin):
            program.chmod(0o700)
        return plugin

    def put(self, staged: Plugin, config: PluginConfig) -> Plugin:
        """Into its place, instead of the version that is there; its data goes along. Raises OSError, and then all is as
        it was."""
        place, old = self.plugins / staged.name, self.plugins / (_OLD + staged.name)
        configs.write(staged.folder, config)
        if not place.exists():
            staged.folder.rename(place)
            return folders.read(place)
        data, moved = place / "data", staged.folder / "data"
        had_data = data.exists()
        if had_data:
            data.rename(moved)
        try:
            place.rename(old)
            try:
                staged.folder.rename(place)
            except BaseException:
                old.rename(place)
                raise
        except BaseException:
            if had_data:
                moved.rename(data)
            raise
        shutil.rmtree(old, ignore_errors=True)
        return folders.read(place)

    def remove(self, name: str, *, data: bool) -> bool:
        """Take the plugin away, its data only when `data`; → whether something of it stays. Raises OSError."""
        place = self.plugins / name
        with self.staging() as staging:
            gone = staging / ("dropped" if data else "new") / name
            gone.parent.mkdir(mode=0o700)
            place.rename(gone)
            if data or not (gone / "data").exists():
                return False
            place.mkdir(mode=0o700)
            (gone / "data").rename(place / "data")
            return True

    def _mend(self) -> None:
        """After a change that was cut off: the version before is back where there is none, and data is in its place."""
        for old in self.plugins.glob(_OLD + "*"):
            place = self.plugins / old.name.removeprefix(_OLD)
            if place.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.rename(place)
        for staging in self.plugins.glob(_STAGING + "*"):
            for data in staging.glob("new/*/data"):
                place = self.plugins / data.parent.name
                place.mkdir(mode=0o700, exist_ok=True)
                if not (place / "data").exists():
                    data.rename(place / "data")
            shutil.rmtree(staging, ignore_errors=True)


def _programs(plugin: Plugin) -> Iterator[Path]:
    """The files of it that are started."""
    manifest = plugin.manifest
    names = [manifest.entry, *manifest.command[:1]] if plugin.python_entry is None else []
    if manifest.binary is not None:
        names += [f"bin/{manifest.binary.binary_name}", f"bin/{manifest.binary.binary_name}.exe"]
    for name in names:
        path = plugin.folder / name
        if name and path.is_file() and not path.is_symlink():
            yield path
