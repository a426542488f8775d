"""Logins that a tool keeps in key-value tables of an SQLite file: read, never written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from addons.vault import foreign_files
from addons.vault.foreign_files import FileFormatError, StoreFormat, StoreRow
from addons.vault.tokens import Json, Token, at, json_object

SUFFIXES = (".sqlite3", ".sqlite", ".db")


def is_store(path: Path) -> bool:
    """Whether a path is that of such a file, by its name: it need not be there."""
    return path.suffix in SUFFIXES


def keys(path: Path, store: StoreFormat) -> list[str]:
    """Which of the store's tokens are there, in the order of the format. Raises sqlite3.Error."""
    with closing(_open(path)) as db:
        there = _rows(db, store.table)
    return [key for key in store.tokens if key in there]


def read(path: Path, store: StoreFormat) -> Token:
    """The first login of the format's order, with what belongs to it. Raises FileFormatError and sqlite3.Error."""
    with closing(_open(path)) as db:
        tables = {store.table: _rows(db, store.table)}
        for row in store.also:
            if row.table not in tables:
                tables[row.table] = _rows_if_any(db, row.table)
    for key, known in store.tokens.items():
        data = json_object(tables[store.table].get(key))
        token = foreign_files.token_of(data, store.format)
        if token.access or token.refresh:
            extra = {**known, **token.extra}
            for row in store.also:
                if not row.beside or key in row.beside:
                    extra = {**_parts(row, tables[row.table]), **extra}
            return replace(token, extra=extra)
    raise FileFormatError(f"there is no login in it (none of {', '.join(store.tokens)})")


def _open(path: Path) -> sqlite3.Connection:
    """For reading alone: its tool may be running."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)


def _rows(db: sqlite3.Connection, table: str) -> dict[str, Any]:
    return {str(key): value for key, value in db.execute(f"SELECT key, value FROM {table}")}  # noqa: S608 - our own name


def _rows_if_any(db: sqlite3.Connection, table: str) -> dict[str, Any]:
    try:
        return _rows(db, table)
    except sqlite3.OperationalError:
        return {}


def _parts(row: StoreRow, rows: Mapping[str, Any]) -> Json:
    data = json_object(rows.get(row.key))
    return {name: value for name, path in row.extra.items() if (value := at(data, path)) is not None}
