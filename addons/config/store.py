"""Reads `config.toml` and reads it again when it changes; a broken edit keeps the last good settings and says why."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from addons.config.settings import Settings


class ConfigError(Exception):
    """`config.toml` cannot be used; the text says where and what to do."""


def parse(text: str, path: Path) -> Settings:
    """Settings from TOML text; raises ConfigError with one line for the first fault."""
    try:
        settings = Settings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg']}") from error
    try:
        settings.profile()
    except KeyError:
        raise ConfigError(f"{path}: active_profile: there is no profile {settings.active_profile!r}") from None
    return settings


class ConfigStore:
    """The current settings. `error` holds what is wrong with the file now, None when all is well."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: str | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._settings = Settings()

    def load(self) -> Settings:
        """First read, at start-up: a missing file means the defaults; raises ConfigError for a broken one."""
        self._stamp = self._look()
        self._settings = parse(self._read(), self.path)
        return self._settings

    @property
    def current(self) -> Settings:
        """The newest good settings; looks at the file each time (one `stat`)."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._settings = parse(self._read(), self.path)
                self.error = None
            except (ConfigError, OSError, UnicodeDecodeError) as error:
                self.error = str(error)
        return self._settings

    def _look(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    def _read(self) -> str:
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return ""
