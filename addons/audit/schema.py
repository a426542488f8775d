"""The audit database: how it is opened, and the tables in it, made by migrations that are applied once and recorded."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database

from addons.audit.views import VIEWS

TABLES = """
-- One client request, from arrival to the last byte of its answer. Times: seconds since 1970; durations: seconds.
CREATE TABLE exchanges (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    day TEXT NOT NULL,               -- local date
    started REAL NOT NULL,
    ended REAL NOT NULL,
    duration REAL NOT NULL,
    ttft REAL,                       -- to the first content event delivered
    origin TEXT NOT NULL,
    operation TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    client_protocol TEXT NOT NULL,
    output_protocol TEXT NOT NULL,
    backend_protocol TEXT NOT NULL,
    client_addr TEXT NOT NULL,
    client TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    client_key TEXT NOT NULL,        -- its name
    session TEXT NOT NULL,
    agent TEXT NOT NULL,
    parent_agent TEXT NOT NULL,
    conversation TEXT NOT NULL,
    profile TEXT NOT NULL,
    provider TEXT NOT NULL,
    credential TEXT NOT NULL,        -- its name
    why TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    served_model TEXT NOT NULL,
    stream INTEGER NOT NULL,
    translated INTEGER NOT NULL,
    status INTEGER NOT NULL,
    stop_reason TEXT NOT NULL,
    error_kind TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    events INTEGER NOT NULL,
    max_gap REAL,
    stalls INTEGER NOT NULL,
    input_fresh INTEGER,             -- neither read from nor written to a cache; NULL = the provider did not say
    cache_read INTEGER,
    cache_write_5m INTEGER,
    cache_write_1h INTEGER,
    output INTEGER,                  -- includes reasoning
    reasoning INTEGER,
    input_total INTEGER,
    total_tokens INTEGER,
    usage_raw TEXT,                  -- the provider's own object
    usage_estimated INTEGER NOT NULL,
    cost_usd REAL,                   -- NULL = unknown, never 0 for unknown
    cost_known INTEGER NOT NULL,
    price_basis TEXT,                -- whose price it is: provider/model
    subscription INTEGER NOT NULL,   -- 1: what it would have cost, not charged
    notes TEXT NOT NULL,
    extra TEXT NOT NULL,
    mode TEXT NOT NULL               -- audit mode it was recorded in
);
CREATE INDEX exchanges_started ON exchanges (started);
CREATE INDEX exchanges_day ON exchanges (day, served_model);
CREATE INDEX exchanges_client ON exchanges (client);
CREATE INDEX exchanges_provider ON exchanges (provider);
CREATE INDEX exchanges_model ON exchanges (served_model);
CREATE INDEX exchanges_status ON exchanges (status);
CREATE INDEX exchanges_session ON exchanges (session) WHERE session != '';
CREATE INDEX exchanges_conversation ON exchanges (conversation) WHERE conversation != '';

-- One try of an exchange at one credential.
CREATE TABLE attempts (
    exchange INTEGER NOT NULL REFERENCES exchanges (seq),
    number INTEGER NOT NULL,
    provider TEXT NOT NULL,
    credential TEXT NOT NULL,
    why TEXT NOT NULL,
    protocol TEXT NOT NULL,
    model TEXT NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    started REAL NOT NULL,
    first_byte REAL,
    ended REAL,
    status INTEGER,
    outcome TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (exchange, number)
) WITHOUT ROWID;

-- The bytes of blobs are stored once by content; hash is BLAKE2b-160 of the content before compression.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    encoding TEXT NOT NULL,          -- raw or zstd
    content BLOB NOT NULL
);

-- A body is a recipe: its parts joined in order. Parts are blobs at level 1, other recipes above.
CREATE TABLE recipes (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    level INTEGER NOT NULL,
    size INTEGER NOT NULL
);
CREATE TABLE recipe_parts (
    recipe INTEGER NOT NULL REFERENCES recipes (id),
    position INTEGER NOT NULL,
    blob INTEGER REFERENCES blobs (id),
    child INTEGER REFERENCES recipes (id),
    PRIMARY KEY (recipe, position)
) WITHOUT ROWID;
CREATE INDEX recipe_parts_blob ON recipe_parts (blob) WHERE blob IS NOT NULL;
CREATE INDEX recipe_parts_child ON recipe_parts (child) WHERE child IS NOT NULL;

-- Headers as they recur: JSON, [[name, value], …]; a number stands for the entry of sides.header_values of that index.
CREATE TABLE header_sets (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    headers TEXT NOT NULL
);

-- What went over the wire. attempt is 0 for the client's two sides.
CREATE TABLE sides (
    exchange INTEGER NOT NULL REFERENCES exchanges (seq),
    attempt INTEGER NOT NULL,
    side TEXT NOT NULL,              -- client_request, upstream_request, upstream_response, delivered
    header_set INTEGER NOT NULL REFERENCES header_sets (id),
    header_values TEXT NOT NULL,     -- JSON: the values that differ from message to message
    recipe INTEGER REFERENCES recipes (id),
    size INTEGER NOT NULL,           -- bytes of the body before redaction
    truncated INTEGER NOT NULL,
    PRIMARY KEY (exchange, attempt, side)
) WITHOUT ROWID;
CREATE INDEX sides_header_set ON sides (header_set);
CREATE INDEX sides_recipe ON sides (recipe) WHERE recipe IS NOT NULL;

-- What was said, once per distinct message of a conversation, for search.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    exchange INTEGER NOT NULL REFERENCES exchanges (seq),
    conversation TEXT NOT NULL,
    time REAL NOT NULL,
    role TEXT NOT NULL,              -- system, user, assistant, tool
    kind TEXT NOT NULL,              -- text, thinking, tool_call, tool_result, refusal
    text TEXT NOT NULL
);
CREATE INDEX messages_exchange ON messages (exchange);
CREATE INDEX messages_conversation ON messages (conversation, id);
CREATE VIRTUAL TABLE messages_fts USING fts5 (
    text, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER messages_ai AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER messages_ad AFTER DELETE ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;

-- Counters and facts of the recorder itself.
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


def create_tables(db: Database) -> None:
    for statement in _statements(TABLES):
        db.conn.execute(statement)


def create_views(db: Database) -> None:
    for name, sql in VIEWS.items():
        db.create_view(name, sql)


#: Applied in this order, each once; append, never change. A changed view is a new migration that calls `create_view`.
MIGRATIONS: list[Callable[[Database], None]] = [create_tables, create_views]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date; two processes that try at once do it once. Raises sqlite3.Error."""
    db = Database(connection, recursive_triggers=False, execute_plugins=False)
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        applied = {row[0] for row in connection.execute("SELECT name FROM migrations")}
        if all(step.__name__ in applied for step in MIGRATIONS):
            return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)")
        applied = {row[0] for row in connection.execute("SELECT name FROM migrations")}
        for step in MIGRATIONS:
            if step.__name__ not in applied:
                step(db)
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                connection.execute("INSERT INTO migrations VALUES (?, ?)", (step.__name__, now))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def open_for_writing(path: Path, *, busy_seconds: float = 10.0, max_pages: int = 0) -> sqlite3.Connection:
    """Open (and create) the database with its schema, readable by its owner alone. Raises sqlite3.Error, OSError.

    Several processes may write: WAL lets readers go on meanwhile, and `busy_seconds` lets writers take turns.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if name.exists() and name.stat().st_mode & 0o077:
            name.chmod(0o600)
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
    try:
        # Both must come before the file has its first page: later only VACUUM could change them. Messages of 2 kB
        # would fill 4 kB pages by half.
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA secure_delete = ON")  # what retention deletes is overwritten
        if max_pages:
            connection.execute(f"PRAGMA max_page_count = {int(max_pages)}")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open an existing database; rows are `sqlite3.Row`. Raises sqlite3.OperationalError where there is none."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def _statements(script: str) -> list[str]:
    """The statements of `script`; `executescript` would commit the transaction that they must share."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    return found
