"""What tests of providers share: a home and the command in it."""

from __future__ import annotations

from tests.cli.conftest import command, done, home, read, refused

__all__ = ["command", "done", "home", "read", "refused"]
