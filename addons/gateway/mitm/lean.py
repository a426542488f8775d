"""Leaves out work that only start-up and debugging need: checks of every message's types, looks at what never changes.

mitmproxy checks, when debugging, every field's type of every message, and looks the types up afresh each time: a
twentieth of what a small exchange costs. `python -O` leaves it out as well, but with it all assertions, mitmproxy's own
guards among them; so Python is not run that way. A mitmproxy that does anything else there keeps it (shortcuts.py).
"""

from __future__ import annotations

import gc

from mitmproxy.http import MessageData

from addons.gateway.mitm import shortcuts


class Lean:
    def load(self, _: object) -> None:
        if shortcuts.only_checks_types(MessageData):
            setattr(MessageData, "__post_init__", _unchecked)  # noqa: B010 - mypy forbids to assign a method

    def running(self) -> None:
        """Keeps the garbage collector from what start-up made, which stays anyway: looking through all of it stops
        every stream for a tenth of a second, again and again."""
        gc.collect()
        gc.freeze()


def _unchecked(_: MessageData) -> None:
    return
