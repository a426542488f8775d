"""What the plugin host asks of a provider besides addons/providers/api.py; a provider needs none of it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from addons.plugins.folder import Plugin


@runtime_checkable
class Closes(Protocol):
    """A provider that holds something: a process, a connection, a file."""

    async def close(self, grace: float) -> None:
        """Asked once, when no new exchange will choose this object any more (update, disable, remove, end of the
        gateway): exchanges that hold it go on for up to `grace` seconds, then everything it holds is let go."""


@runtime_checkable
class Reconfigures(Protocol):
    """A provider that takes a change of config.json without being made anew."""

    def reconfigure(self, plugin: Plugin) -> bool:
        """`plugin.config` is new, all else as it was. False = make me anew. Called in the event loop; must not
        block."""
