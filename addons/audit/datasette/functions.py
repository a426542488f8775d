"""SQL functions of the audit's pages, as a Datasette plugin."""

from __future__ import annotations

import sqlite3

from datasette import hookimpl  # type: ignore[import-untyped]

from addons.audit.bodies import decompress
from addons.audit.reader import match_expression

#: A piece that unpacks to more is not shown; bytes.
_LARGEST = 16 << 20


@hookimpl  # type: ignore[untyped-decorator]
def prepare_connection(conn: sqlite3.Connection) -> None:
    """`blob_text(encoding, content, size)`: a stored piece as text; `match_expression(words)`: words for MATCH."""
    conn.create_function("blob_text", 3, _blob_text, deterministic=True)
    conn.create_function("match_expression", 1, _match, deterministic=True)


def _blob_text(encoding: str, content: bytes, size: int) -> str | None:
    try:
        return decompress(encoding, content, size).decode("utf-8", "replace") if size <= _LARGEST else None
    except (ValueError, TypeError, AttributeError):
        return None


def _match(words: str | None) -> str:
    # An expression that matches nothing, where an empty one would be a syntax error.
    return match_expression(words or "") or '""'
