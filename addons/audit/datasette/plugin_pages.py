"""Serves the pages of plugins beside the audit's, behind the same login, and without a way from the one to the other.

`/-/plugin-pages/` lists them; `/-/plugin-pages/NAME/` leads a visitor who is logged in to the page. The page's files
lie below an address that only such a visitor learns and that changes with each start: the page runs in a sandbox with
an origin of its own, so that its scripts cannot read the audit, and a browser sends no cookie from in there.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from urllib.parse import unquote

from addons.audit.datasette.guard import App, Receive, Scope, Send, path_of

PAGES = "/-/plugin-pages/"
FILES = "/-/plugin-files/"
_HEADERS = [
    (
        b"content-security-policy",
        b"sandbox allow-scripts allow-forms; default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'"
        b" data:; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # no cross-origin-opener-policy: browsers refuse to show a sandboxed page that has one
    # from the page's own origin, which is none, its files are another site's
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"access-control-allow-origin", b"*"),
    (b"cache-control", b"no-store"),
]


class PluginPages:
    """An ASGI app before `app`; `plugins` is the folder of plugins. Stands behind the Guard, which asks `opened`."""

    def __init__(self, app: App, plugins: Path) -> None:
        self._app, self._plugins = app, plugins
        self._key = secrets.token_urlsafe(32)

    def opened(self, path: str) -> bool:
        """Whether the address itself shows that its visitor has logged in."""
        if not path.startswith(FILES):
            return False
        key = path.removeprefix(FILES).partition("/")[0]
        return secrets.compare_digest(key.encode("utf-8", "replace"), self._key.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope) if scope["type"] == "http" else ""
        if path.startswith(PAGES):
            await self._pages(path.removeprefix(PAGES), send)
        elif self.opened(path):
            _, _, inside = path.removeprefix(FILES).partition("/")
            await self._file(inside, send)
        else:
            await self._app(scope, receive, send)

    async def _pages(self, name: str, send: Send) -> None:
        from addons.plugins import pages  # its imports are many, and most runs show no page

        rows = await asyncio.to_thread(pages.listed, self._plugins)
        if not name:
            told = [{**row, "url": f"{PAGES}{row['name']}/"} for row in rows]
            await _answer(send, 200, json.dumps({"pages": told}).encode(), "application/json")
        elif name.removesuffix("/") in [row["name"] for row in rows]:
            where = f"{FILES}{self._key}/{name.removesuffix('/')}/"
            await _answer(send, 302, b"", "text/plain", [(b"location", where.encode("ascii"))])
        else:
            await _answer(send, 404, b"There is no such page.", "text/plain")

    async def _file(self, path: str, send: Send) -> None:
        from addons.plugins import pages

        name, slash, rest = path.partition("/")
        found = await asyncio.to_thread(pages.read, self._plugins, unquote(name), unquote(rest)) if slash else None
        if found is None:
            await _answer(send, 404, b"There is no such file.", "text/plain")
        else:
            await _answer(send, 200, found.content, found.type)


async def _answer(
    send: Send, status: int, body: bytes, content_type: str, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    about = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*about, *(more or []), *_HEADERS]})
    await send({"type": "http.response.body", "body": body})
