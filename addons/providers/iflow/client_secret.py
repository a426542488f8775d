"""The OAuth client secret that ships in iFlow CLI, read from the user's own installation (iflow.md §2): it is not ours
to give out."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

#: What gateways take it from, too.
VARIABLE = "IFLOW_CLIENT_SECRET"
COMMAND, PACKAGE = "iflow", ("@iflow-ai", "iflow-cli")
#: Bytes of one file that are looked through, files of the package, bytes around the client id.
LARGEST, MOST_FILES, NEAR = 64 << 20, 400, 2000
_SECRET = re.compile(rb"secret[\"']?\s*[:=]\s*[\"']([A-Za-z0-9_.~+/=-]{8,128})[\"']", re.IGNORECASE)


def find(client_id: str) -> str:
    """ "" where it is to be had nowhere. Reads files of megabytes: to be called in a thread."""
    given = os.environ.get(VARIABLE, "")
    command = shutil.which(COMMAND)
    return given or (_installed(Path(command).resolve(), client_id) if command else "")


@functools.lru_cache(8)
def _installed(command: Path, client_id: str) -> str:
    root = next((folder for folder in command.parents if folder.parts[-2:] == PACKAGE), None)
    files = _files(root) if root is not None else iter(())
    return next((found for file in files if (found := _in_file(file, client_id.encode()))), "")


def _files(root: Path) -> Iterator[Path]:
    for count, path in enumerate(sorted(root.rglob("*.*js"))):
        if count >= MOST_FILES:
            return
        yield path


def _in_file(path: Path, client_id: bytes) -> str:
    """The secret that stands nearest to the client id."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ""
        data = path.read_bytes()
    except OSError:
        return ""
    best = (NEAR + 1, "")
    for place in re.finditer(re.escape(client_id), data):
        for found in _SECRET.finditer(data, max(place.start() - NEAR, 0), place.end() + NEAR):
            far = min(abs(found.start() - place.end()), abs(place.start() - found.end()))
            best = min(best, (far, found[1].decode("ascii")))
    return best[1]
