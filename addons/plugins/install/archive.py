"""Unpacks an archive that a stranger made: nothing outside of its folder, no links, no more than the caps allow.

Modes come from us, not from the archive: files are 0600, and 0700 where they lie in `bin/` and were executable (what a
manifest names as the program becomes so when it is staged).
"""

from __future__ import annotations

import gzip
import lzma
import os
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from addons.plugins.folder import PluginError

SUFFIXES = (".zip", ".tar.gz", ".tgz")
MAX_FILES = 10_000
MAX_BYTES = 512 << 20  # of all files together, unpacked
MAX_DEPTH = 32
_CHUNK = 1 << 20
_MACOS = "__MACOSX"  # what the Finder packs beside a folder
#: What the standard library raises for archives that are broken, encrypted or made to break it.
_FAULTS = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError, ValueError, LookupError, struct.error),
)
_ODD = re.compile(r"[\\:\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Caps:
    files: int = MAX_FILES
    bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    is_folder: bool
    is_file: bool
    executable: bool
    size: int  # as the archive says: what is unpacked is counted
    open: Callable[[], IO[bytes]]


def is_archive(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def unpack(archive: Path, into: Path, caps: Caps = Caps()) -> Path:
    """Unpack into the new folder `into`; → the folder that holds the plugin: `into`, or the one folder in it. Raises
    PluginError with the first thing that is wrong; what was unpacked so far is the caller's to remove."""
    into.mkdir(mode=0o700, parents=True)
    try:
        with _opened(archive) as members:
            _write(members, into, caps)
    except _FAULTS as error:
        raise PluginError(f"{archive.name} cannot be unpacked: {error}") from error
    inside = list(into.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else into


def _write(members: Iterator[_Member], into: Path, caps: Caps) -> None:
    count = total = 0
    seen: set[str] = set()
    for member in members:
        count += 1
        if count > caps.files:
            raise PluginError(f"the archive has more than {caps.files} entries")
        parts = _parts(member.name)
        if not parts or parts[0] == _MACOS:
            continue
        if not member.is_folder and not member.is_file:
            raise PluginError(f"{member.name!r} in the archive is neither a file nor a folder (links are not allowed)")
        # systems that fold case or accents would write one over the other
        folded = unicodedata.normalize("NFC", "/".join(parts)).casefold()
        if folded in seen and not member.is_folder:
            raise PluginError(f"{member.name!r} is twice in the archive")
        seen.add(folded)
        if total + member.size > caps.bytes:
            raise PluginError(f"the archive unpacks to more than {caps.bytes >> 20} MiB")
        try:
            total += _put(member, into.joinpath(*parts), "bin" in parts[:-1], caps.bytes - total)
        except (OSError, UnicodeError) as error:
            raise PluginError(f"{member.name[:200]!r} in the archive cannot be written: {error}") from error


def _put(member: _Member, path: Path, may_run: bool, room: int) -> int:
    """→ how many bytes were written. Raises OSError, UnicodeError."""
    if member.is_folder:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return 0
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _copy(member, path, 0o700 if member.executable and may_run else 0o600, room)


def _copy(member: _Member, path: Path, mode: int, room: int) -> int:
    written = 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with member.open() as source, os.fdopen(os.open(path, flags, mode), "wb") as target:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > room:
                raise PluginError("the archive unpacks to more than is allowed")
            target.write(chunk)
    return written


def _parts(name: str) -> tuple[str, ...]:
    """Of a path that stays inside; raises PluginError."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or _ODD.search(name) or len(path.parts) > MAX_DEPTH:
        raise PluginError(f"{name[:200]!r} in the archive is no path inside a folder")
    return path.parts


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[_Member]]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            yield _zip_members(file)
    else:
        with tarfile.open(archive, "r:gz") as tar:
            yield _tar_members(tar)


def _zip_members(file: zipfile.ZipFile) -> Iterator[_Member]:
    for info in file.infolist():
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        is_folder = info.is_dir()
        plain = not is_folder and kind in (0, stat.S_IFREG)
        name = info.orig_filename  # `filename` has been made to look harmless
        yield _Member(name, is_folder, plain, bool(mode & 0o111), info.file_size, lambda info=info: file.open(info))  # type: ignore[misc]


def _tar_members(tar: tarfile.TarFile) -> Iterator[_Member]:
    def opener(info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
        def opened() -> IO[bytes]:
            found = tar.extractfile(info)
            if found is None:
                raise PluginError(f"{info.name!r} in the archive cannot be read")
            return found

        return opened

    for info in tar:
        plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not info.issparse()
        yield _Member(info.name, info.isdir(), plain, bool(info.mode & 0o111), info.size, opener(info))
