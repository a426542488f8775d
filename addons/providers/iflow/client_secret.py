"""The OAuth client secret that ships in iFlow CLI, read from the user's own installation (iflow.md §2): it is not ours
to give out."""

from __future__ import annotations

import os
import re

from addons.providers.installed import Installation, contents

#: What gateways take it from, too.
VARIABLE = "IFLOW_CLIENT_SECRET"
INSTALLATION = Installation("iflow", "@iflow-ai/iflow-cli", files=("**/*.*js",))
#: Bytes before and behind the client id in which the secret stands.
NEAR = 2000
_SECRET = re.compile(rb"secret[\"']?\s*[:=]\s*[\"']([A-Za-z0-9_.~+/=-]{8,128})[\"']", re.IGNORECASE)


def find(client_id: str) -> str:
    """ "" where it is to be had nowhere. Reads files of megabytes: to be called in a thread."""
    given = os.environ.get(VARIABLE, "")
    return given or next((s for code in contents(INSTALLATION) if (s := _within(code, client_id.encode()))), "")


def _within(code: bytes, client_id: bytes) -> str:
    """The secret nearest to the client id, on either side: what looks like one may be something else's."""
    best = (NEAR + 1, "")
    for place in re.finditer(re.escape(client_id), code):
        for found in _SECRET.finditer(code, max(place.start() - NEAR, 0), place.end() + NEAR):
            far = min(abs(found.start() - place.end()), abs(place.start() - found.end()))
            best = min(best, (far, found[1].decode("ascii")))
    return best[1]
