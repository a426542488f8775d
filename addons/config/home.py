"""Where ProxyCast keeps its files: `PROXYCAST_HOME`, by default `~/.proxycast`, mode 0700 (design.md, Promises)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and the names in it."""

    path: Path

    @classmethod
    def find(cls) -> Home:
        """`PROXYCAST_HOME` or `~/.proxycast`; not created yet."""
        given = os.environ.get("PROXYCAST_HOME")
        return cls(Path(given).expanduser() if given else Path.home() / ".proxycast")

    def ensure(self) -> Home:
        """Create the folder for its owner alone; an existing one that others can read is closed to them."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o700)
        return self

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def state(self) -> Path:
        return self.path / "state.db"

    @property
    def audit(self) -> Path:
        return self.path / "audit.db"

    @property
    def vault_key(self) -> Path:
        return self.path / "vault.key"

    @property
    def plugins(self) -> Path:
        return self.path / "plugins"
