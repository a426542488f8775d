"""SHA-256 sums: of a file, of a folder's contents, and as `sha256sum` writes them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from addons.plugins.folder import PluginError

_LINE = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")  # the backslash marks a name with escapes in it
_TAGGED = re.compile(r"SHA256 \((.+)\) = ([0-9a-fA-F]{64})")  # as BSD's and `sha256sum --tag` write it
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checked:
    """A sum and what it was compared with ("" = it is only shown)."""

    name: str
    sha256: str
    against: str = ""


def of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse(text: str) -> dict[str, str]:
    """Name → sum, from the text of a checksum file; names without their folders."""
    found = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            found[match[2].rpartition("/")[2]] = match[1].lower()
        elif match := _TAGGED.fullmatch(line.strip()):
            found[match[1].rpartition("/")[2]] = match[2].lower()
    return found


def bare(text: str) -> str:
    """The sum in a text that is nothing else, or begins with one; also `sha256:…`. Raises PluginError."""
    word = text.strip().removeprefix("sha256:").split(maxsplit=1)[:1]
    if not word or not _HEX.fullmatch(word[0].lower()):
        raise PluginError("that is no SHA-256 checksum: it has 64 hexadecimal digits")
    return word[0].lower()


def verify(path: Path, wanted: str, name: str, against: str) -> Checked:
    """Raises PluginError when the file is another one."""
    found = of_file(path)
    if found != wanted:
        raise PluginError(f"{name} is not what {against} says it is: SHA-256 {found} instead of {wanted}")
    return Checked(name, found, against)
