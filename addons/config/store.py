"""Reads `config.toml` and reads it again when it changes; a broken edit keeps the last good settings and says why."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from addons.config.settings import Settings

#: How long after its last change a file that is written in place counts as unfinished.
SETTLE_SECONDS = 0.3


class Stamp(NamedTuple):
    """What tells one state of a file from another; `modified` in nanoseconds."""

    modified: int
    size: int
    inode: int


class ConfigError(Exception):
    """`config.toml` cannot be used; the text says where and what to do."""


def read(path: Path) -> str:
    """The file's text, "" where there is none; raises ConfigError for what is no text, OSError as it comes."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None


def parse(text: str, path: Path) -> Settings:
    """Settings from TOML text; raises ConfigError with one line for the first fault."""
    try:
        settings = Settings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{path}: {where}: {what}") from error
    named = [("active_profile", settings.active_profile)]
    named += [("intercept.rules", rule.profile) for rule in settings.intercept.rules]
    for where, name in named:
        try:
            settings.profile(name)
        except KeyError:
            raise ConfigError(f"{path}: {where}: there is no profile {name!r}") from None
    return settings


class ConfigStore:
    """The current settings. `error` holds what is wrong with the file now, None when all is well.

    `fresh`: seconds during which the file is not looked at again; a request asks several times at once."""

    def __init__(self, path: Path, fresh: float = 0.0) -> None:
        self._fresh, self._looked = fresh, 0.0
        self.path = path
        self.error: str | None = None
        self._stamp: Stamp | None = None
        self._settings = Settings()

    def load(self) -> Settings:
        """First read, at start-up: a missing file means the defaults; raises ConfigError for a broken one."""
        self._stamp = self._look()
        self._settings = parse(read(self.path), self.path)
        return self._settings

    @property
    def known(self) -> Settings:
        """The settings as they were last looked at: for those that ask many times in one request."""
        return self._settings

    @property
    def current(self) -> Settings:
        """The newest good settings; looks at the file (one `stat`), unless it has just been looked at."""
        now = time.monotonic()
        if now - self._looked < self._fresh:
            return self._settings
        self._looked = now
        stamp = self._look()
        if stamp != self._stamp and not self._being_written(stamp):
            self._stamp = stamp
            try:
                self._settings = parse(read(self.path), self.path)
                self.error = None
            except (ConfigError, OSError) as error:
                self.error = str(error)
        return self._settings

    def _being_written(self, stamp: Stamp | None) -> bool:
        """An editor that writes in place empties the file first, and half a file may be good TOML with other meaning.
        A file that was replaced in one step (another inode), as `proxycast` does it, is whole at once."""
        if stamp is None or self._stamp is None or stamp.inode != self._stamp.inode:
            return False
        return 0 <= time.time() - stamp.modified / 1e9 < SETTLE_SECONDS

    def _look(self) -> Stamp | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return Stamp(stat.st_mtime_ns, stat.st_size, stat.st_ino)
