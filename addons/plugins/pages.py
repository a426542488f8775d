"""The pages that plugins bring (`ui` in plugin.json): which there are, and their files below `dist/`, read-only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from addons.plugins import folder as folders
from addons.plugins.manifest import Ui

FOLDER = "dist"
MAX_BYTES = 32 << 20  # of one file
#: What a browser is told a file is; of other files it is told nothing.
TYPES: dict[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    type: str


def listed(plugins: Path) -> list[dict[str, Any]]:
    """The pages of enabled plugins as a UI offers them: name, title, icon, surfaces, width, height."""
    try:
        found = sorted(path for path in plugins.iterdir() if folders.is_plugin_folder(path))
    except OSError:
        return []
    return [_row(path.name, ui) for path in found if (ui := _ui(path)) is not None]


def _row(name: str, ui: Ui) -> dict[str, Any]:
    size = {"width": ui.default_width, "height": ui.default_height}
    return {"name": name, "title": ui.title or name, "icon": ui.icon, "surfaces": list(ui.surfaces), **size}


def _ui(folder: Path) -> Ui | None:
    plugin = folders.read(folder)
    if plugin.problem or not plugin.config.enabled or plugin.manifest.ui is None or not plugin.manifest.ui.entry:
        return None
    return plugin.manifest.ui


def read(plugins: Path, name: str, path: str) -> File | None:
    """The file of that plugin's page, "" = the page itself; None for whatever is not there or not to be read.

    `path` is decoded. A page whose entry is a script gets a document around it.
    """
    folder = plugins / name
    if not _is_plain(name) or not folders.is_plugin_folder(folder):
        return None
    ui = _ui(folder)
    if ui is None:
        return None
    if not path:
        entry = _below(ui.entry)
        if not entry.endswith((".js", ".mjs")):
            return _file(folder / FOLDER, entry)
        styles = [ui.styles] if isinstance(ui.styles, str) else list(ui.styles)
        return File(_document(ui.title or name, entry, [_below(style) for style in styles if style]), TYPES[".html"])
    return _file(folder / FOLDER, path)


def _file(root: Path, path: str) -> File | None:
    parts = path.split("/")
    if not all(map(_is_plain, parts)):
        return None
    file = root.joinpath(*parts)
    try:
        real, inside = file.resolve(strict=True), root.resolve(strict=True)
        if root.is_symlink() or not real.is_relative_to(inside) or not real.is_file():
            return None
        if real.stat().st_size > MAX_BYTES:
            return None
        return File(real.read_bytes(), TYPES.get(real.suffix.lower(), "application/octet-stream"))
    except OSError:
        return None


def _is_plain(part: str) -> bool:
    """A name of one file or folder that is not hidden."""
    return bool(part) and not part.startswith(".") and not any(c in part for c in "/\\:") and part.isprintable()


def _below(path: str) -> str:
    """plugin.json may say `dist/x` or `x`."""
    return path.removeprefix("./").removeprefix(FOLDER + "/")


def _document(title: str, script: str, styles: list[str]) -> bytes:
    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")

    links = "".join(f'<link rel="stylesheet" href="{escaped(quote(style))}">' for style in styles)
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{escaped(title)}</title>{links}</head>'
        f'<body><div id="root"></div><script type="module" src="{escaped(quote(script))}"></script></body></html>'
    ).encode()
