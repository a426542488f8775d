"""Writes a new plugin that works, with tests that pass: a beginning to change, not a form to fill in."""

from __future__ import annotations

import re
from pathlib import Path

from addons.plugins import versions
from addons.plugins.folder import PluginError
from addons.plugins.manifest import safe_name

TEMPLATES = Path(__file__).with_name("templates")
KINDS = ("python", "executable")
#: The templates are a plugin of this name; their files end in `.txt`, so that nobody takes them for code of ours.
_NAME = "acme"
_SUFFIX = ".txt"
_ID = re.compile(r"[a-z][a-z0-9-]{0,40}")


def write(name: str, kind: str, parent: Path) -> Path:
    """A plugin of one of KINDS as the new folder `parent`/NAME; raises PluginError, OSError."""
    try:
        safe_name(name)
    except ValueError as error:
        raise PluginError(f"{name!r} {error}") from None
    if not _ID.fullmatch(name):
        raise PluginError(f"{name!r} is to be a provider's id too: small letters, digits and -, a letter first")
    folder = parent / name
    if folder.exists():
        raise PluginError(f"{folder} is there already")
    for template in sorted((TEMPLATES / kind).rglob("*" + _SUFFIX)):
        path = folder / template.relative_to(TEMPLATES / kind).with_suffix("")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_named(template.read_text("utf-8"), name), "utf-8")
    return folder


def _named(text: str, name: str) -> str:
    """Class names are in one word; what people read is as close to it as can be."""
    title = "".join(word.capitalize() for word in name.split("-"))
    text = text.replace(_NAME.capitalize(), title).replace("@VERSION@", versions.own())
    return text.replace(_NAME, name)
