"""A plugin's `config.json`: what its user decides about it (requirements.md, "Plugins on disk")."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

FILE = "config.json"


class PluginConfig(BaseModel):
    """Keys that this version does not know are kept.

    `timeout_ms` is for one call of an executable, and for what Python code waits for; `settings` belong to the plugin;
    `permissions` are those that its user granted; `replaces_builtin` lets it take the id of a built-in provider;
    `source` is where it was installed from (an `OWNER/REPO`, an address or a path), for updates.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    enabled: bool = True
    timeout_ms: int = Field(default=30_000, ge=1, le=3_600_000)
    settings: dict[str, Any] = Field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    replaces_builtin: bool = False
    source: str = ""

    def with_changes(self, **changes: object) -> PluginConfig:
        """The same with some fields changed."""
        return self.model_validate({**self.model_dump(), **changes})


def read(folder: Path) -> PluginConfig:
    """The defaults where there is no file; raises OSError, or ValueError for what is no such file."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return PluginConfig()
    return PluginConfig.model_validate(orjson.loads(data))


def write(folder: Path, config: PluginConfig) -> None:
    """Whole or not at all, for its owner alone: settings of a plugin may be secret."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".config.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(config.model_dump(), option=orjson.OPT_INDENT_2) + b"\n")
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(folder / FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
