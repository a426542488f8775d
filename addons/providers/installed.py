"""The code of a client that its user has installed, to look up in it what is not ours to give out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Bytes of one file that are looked through, and files of one installation.
LARGEST = 64 << 20
MOST_FILES = 1000


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the application may be: the npm `package` that the `command` on PATH belongs to, or `folders` (`~` is the
    home folder; patterns are allowed). `files` are patterns below either, the likeliest first."""

    command: str = ""
    package: str = ""
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ("**/*.js",)


def contents(installation: Installation) -> Iterator[bytes]:
    """What stands in its files, one after the other. Reads megabytes: to be called in a thread."""
    for path in _files(installation):
        try:
            if path.is_file() and path.stat().st_size <= LARGEST:
                yield path.read_bytes()
        except OSError:
            continue


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
