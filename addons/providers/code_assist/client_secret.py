"""The OAuth client secret of an installed Google client, read from the user's own installation.

Google issues it with the client id to applications that people install, where it is no secret in the usual sense
(gemini_code_assist.md §1, antigravity.md §1). It is not in this repository: it stands in the application's code, behind
the client id.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Bytes of one file that are looked through, and files of one installation.
LARGEST = 64 << 20
MOST_FILES = 1000
#: Bytes behind (or before) the client id in which the secret stands.
NEAR = 2000
#: Seconds for which what was found is remembered, and that nothing was.
FRESH = 600.0
MISSING = 30.0
_SECRET = re.compile(rb"GOCSPX-[A-Za-z0-9_-]{20,40}(?![A-Za-z0-9_-])")


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the application may be: the folder `below` the one that holds the command's npm package, or `folders`
    (`~` is the home folder; patterns are allowed). `files` are patterns below either, the likeliest first."""

    command: str = ""
    package: str = ""
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ("**/*.js",)


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
        found = next((s for path in _files(installation) if (s := _in_file(path, client_id.encode()))), "")
        self._known[client_id] = (now + (FRESH if found else MISSING), found)
        return found


def _files(installation: Installation) -> Iterator[Path]:
    count = 0
    for root in _roots(installation):
        for pattern in installation.files:
            for path in sorted(root.glob(pattern)):
                count += 1
                if count > MOST_FILES:
                    return
                yield path


def _roots(installation: Installation) -> Iterator[Path]:
    command = shutil.which(installation.command) if installation.command else None
    if command is not None:
        for folder in list(Path(command).resolve().parents)[:5]:
            if folder.parts[-len(_parts(installation.package)) :] == _parts(installation.package):
                yield folder
                # An older layout: the package that the login's code is in stands beside or below it.
                yield from sorted(folder.parent.glob(f"{folder.name}-core"))
                break
    for text in installation.folders:
        yield from _expanded(text)


def _expanded(text: str) -> Sequence[Path]:
    path = Path(text).expanduser()
    if not path.is_absolute():
        return []
    anchor = Path(path.anchor)
    return [found for found in sorted(anchor.glob(str(path.relative_to(anchor)))) if found.is_dir()]


def _parts(package: str) -> tuple[str, ...]:
    return tuple(package.split("/"))


def _in_file(path: Path, client_id: bytes) -> str:
    """The secret nearest behind the client id, else nearest before it."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ""
        data = path.read_bytes()
    except OSError:
        return ""
    at = data.find(client_id)
    while at >= 0:
        end = at + len(client_id)
        if found := _SECRET.search(data, end, end + NEAR):
            return found[0].decode("ascii")
        before = _SECRET.findall(data, max(at - NEAR, 0), at)
        if before:
            return str(before[-1].decode("ascii"))
        at = data.find(client_id, end)
    return ""
