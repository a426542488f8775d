"""The OAuth client secret of an installed Google client, read from the user's own installation.

Google issues it with the client id to applications that people install, where it is no secret in the usual sense
(gemini_code_assist.md §1, antigravity.md §1). It is not in this repository: it stands in the application's code, behind
the client id.
"""

from __future__ import annotations

import re
import time

from addons.providers.installed import Installation, contents

#: Bytes behind (or before) the client id in which the secret stands.
NEAR = 2000
#: Seconds for which what was found is remembered, and that nothing was.
FRESH = 600.0
MISSING = 30.0
_SECRET = re.compile(rb"GOCSPX-[A-Za-z0-9_-]{20,40}(?![A-Za-z0-9_-])")


class ClientSecrets:
    """Remembers by client id. Reads files of megabytes: to be called in a thread."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, str]] = {}

    def find(self, client_id: str, installation: Installation) -> str:
        """The secret that belongs to `client_id`; "" where none is installed."""
        now = time.monotonic()
        until, known = self._known.get(client_id, (0.0, ""))
        if now < until:
            return known
        found = next((s for code in contents(installation) if (s := _within(code, client_id.encode()))), "")
        self._known[client_id] = (now + (FRESH if found else MISSING), found)
        return found


def _within(code: bytes, client_id: bytes) -> str:
    """The secret nearest behind the client id, else nearest before it: one before it may be another client's."""
    at = code.find(client_id)
    while at >= 0:
        end = at + len(client_id)
        if found := _SECRET.search(code, end, end + NEAR):
            return found[0].decode("ascii")
        before = _SECRET.findall(code, max(at - NEAR, 0), at)
        if before:
            return str(before[-1].decode("ascii"))
        at = code.find(client_id, end)
    return ""
