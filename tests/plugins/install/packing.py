"""Archives for tests, good and hostile."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

Files = dict[str, str | bytes]


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def make_zip(files: Files, change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> bytes:
    """`change` may alter each entry before it is written."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            file.writestr(info, _bytes(content))
    return made.getvalue()


def make_tar(files: Files, change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    """Gzipped; `change` may alter each entry before it is written."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(_bytes(content)), 0o755
            change(info)
            file.addfile(info, io.BytesIO(_bytes(content)) if info.size else None)
    return made.getvalue()


def of_folder(folder: Path, inside: str = "") -> bytes:
    """The zip of a folder, below the folder `inside`."""
    return make_zip(
        {
            inside + path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
    )


def tar_bomb(name: str, size: int) -> bytes:
    """A file of zeros that the archive says little about."""
    head = tarfile.TarInfo(name)
    head.size = size
    return gzip.compress(head.tobuf() + bytes(size) + bytes(1024), 1)


def sums(files: dict[str, bytes]) -> bytes:
    """As `sha256sum` prints them."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()
