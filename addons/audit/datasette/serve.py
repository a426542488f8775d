"""`python -m addons.audit.datasette.serve --db PATH --port 8001`: Datasette over the audit database.

Prints one line, `datasette: URL`, when it listens; the URL is the login link, valid until this process ends. The
database is made, with its schema, if there is none yet. It is opened for reading only, in this process of its own: two
SQLite builds in one process would break each other's locks (field.md §3.8, case 95).
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn
from datasette.app import Datasette  # type: ignore[import-untyped]
from datasette.plugins import pm  # type: ignore[import-untyped]
from itsdangerous import BadSignature

from addons.audit.datasette import functions
from addons.audit.datasette.guard import LOGIN_PATH, App, Guard
from addons.audit.datasette.metadata import ACTOR, SETTINGS, metadata
from addons.audit.datasette.plugin_pages import PluginPages
from addons.audit.schema import open_for_writing

HOST = "127.0.0.1"

_COOKIE = "ds_actor"  # the one that Datasette reads its actor from
_NAMESPACE = "actor"


def application(db: Path, *, port: int, token: str) -> App:
    """The guarded ASGI app over the database at `db`, which is made if there is none, and over the pages of the plugins
    beside it. Raises sqlite3.Error, OSError."""
    open_for_writing(db).close()
    if not pm.is_registered(functions):
        pm.register(functions)
    datasette = Datasette([str(db)], metadata=metadata(db.stem), settings=SETTINGS, secret=secrets.token_hex(32))

    def sign() -> str:
        return str(datasette.sign({"a": {"id": ACTOR}}, _NAMESPACE))

    def valid(cookie: str) -> bool:
        try:
            return bool(datasette.unsign(cookie, _NAMESPACE) == {"a": {"id": ACTOR}})
        except BadSignature:
            return False

    pages = PluginPages(datasette.app(), db.parent / "plugins")
    return Guard(pages, port=port, token=token, cookie=_COOKIE, sign=sign, valid=valid, opened=pages.opened)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m addons.audit.datasette.serve", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="the audit database; made if there is none")
    parser.add_argument("--port", type=int, default=8001, help="on 127.0.0.1; 0 takes a free one")
    options = parser.parse_args()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, options.port))
    except OSError as error:
        sys.exit(f"datasette: cannot listen on {HOST}:{options.port}: {error.strerror}")
    port = listener.getsockname()[1]
    token = secrets.token_urlsafe(32)
    try:
        app = application(options.db, port=port, token=token)
    except (sqlite3.Error, OSError) as error:
        sys.exit(f"datasette: cannot open {options.db}: {error}")
    # No access log: it would hold the login link.
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="on")
    with suppress(KeyboardInterrupt):  # uvicorn has shut down by then, and raises it again
        asyncio.run(_serve(uvicorn.Server(config), listener, f"http://{HOST}:{port}{LOGIN_PATH}?token={token}"))


async def _serve(server: uvicorn.Server, listener: socket.socket, url: str) -> None:
    listener.listen(128)
    print(f"datasette: {url}", flush=True)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
