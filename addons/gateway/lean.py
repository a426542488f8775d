"""Leaves out a check of mitmproxy's that it makes only when debugging: of every field's type, of every message.

It looks the types up afresh each time, which is a twentieth of what a small exchange costs. `python -O` leaves it out
as well, but with it all assertions, mitmproxy's own guards among them; so Python is not run that way. A mitmproxy that
does anything else there keeps it (shortcuts.py).
"""

from __future__ import annotations

from mitmproxy.http import MessageData

from addons.gateway import shortcuts


class Lean:
    def load(self, _: object) -> None:
        if shortcuts.only_checks_types(MessageData):
            setattr(MessageData, "__post_init__", _unchecked)  # noqa: B010 - mypy forbids to assign a method


def _unchecked(_: MessageData) -> None:
    return
