"""Stores bodies so that what recurs is stored once: pieces as blobs by content hash, bodies as trees of pieces.

A body's pieces (see pieces.py) would make a list as long as the conversation at every turn. The list is therefore cut
into runs where the content says so (a run ends at a piece whose hash has certain bits), runs are stored once by hash
like blobs, and so are the runs of runs above them. Two turns of a conversation share all but the last run of each
level, so a turn adds a number of rows that grows with the logarithm of its length. Nothing has to know which turn came
before: the same content makes the same tree, in any process.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass

import zstandard

from addons.audit import pieces
from addons.audit.redact import Redactor

#: A run ends after an entry whose hash begins with this many zero bits, within these lengths.
_RUN_MASK = 0b111
_SHORTEST_RUN = 4
_LONGEST_RUN = 48

#: Entries in each memory of what is stored already; when full it is emptied and read anew from the database.
_REMEMBERED = 50_000

_HEADER_SETS = 2_000

_SMALLEST_COMPRESSED = 96


@dataclass(frozen=True, slots=True)
class Ref:
    """A stored blob or recipe."""

    id: int
    hash: bytes
    size: int


def content_hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=20).digest()


def compress(compressor: zstandard.ZstdCompressor, data: bytes) -> tuple[str, bytes]:
    if len(data) >= _SMALLEST_COMPRESSED:
        packed = compressor.compress(data)
        if len(packed) < len(data) - 16:
            return "zstd", packed
    return "raw", data


def decompress(encoding: str, content: bytes, size: int) -> bytes:
    """Raises ValueError for content that is not what its row says."""
    if encoding == "raw":
        return content
    if encoding != "zstd":
        raise ValueError(f"unknown encoding {encoding!r}")
    try:
        return zstandard.ZstdDecompressor().decompress(content, max_output_size=size)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


class BodyStore:
    """Gives ids to bodies within one write transaction at a time: `begin`, any number of `save`, `flush`.

    What it remembers is only true while nobody else changes the database and no transaction is rolled back: `begin`
    notices the first, the owner calls `forget` after the second.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._version = -1
        self.forget()

    def forget(self) -> None:
        self._bodies: dict[tuple[bytes, bool], int] = {}
        self._pieces: dict[tuple[bytes, bool], tuple[Ref, ...]] = {}
        self._blobs: dict[bytes, Ref] = {}
        self._recipes: dict[bytes, Ref] = {}
        self._header_sets: dict[str, int] = {}
        self._blob_rows: list[tuple[int, bytes, int, str, bytes]] = []
        self._recipe_rows: list[tuple[int, bytes, int, int]] = []
        self._part_rows: list[tuple[int, int, int | None, int | None]] = []

    def begin(self, connection: sqlite3.Connection) -> None:
        """Call inside the write transaction, where nobody else can write any more."""
        version = int(connection.execute("PRAGMA data_version").fetchone()[0])
        full = max(len(self._bodies), len(self._pieces), len(self._blobs), len(self._recipes)) > _REMEMBERED
        if version != self._version or full:
            self.forget()
            self._version = version
        self._connection = connection
        self._next_blob = self._highest("blobs") + 1
        self._next_recipe = self._highest("recipes") + 1

    def save(self, body: bytes, *, answer: bool = False) -> int:
        """The id of the recipe of `body`, redacted. An `answer` that is no JSON object is a stream of events."""
        stream = answer and body.lstrip()[:1] != b"{"
        key = (content_hash(body), stream)
        known = self._bodies.get(key)
        if known is None:
            refs = [ref for piece in pieces.cut(body) for ref in self._piece(piece, stream)] if body else []
            known = self._tree(refs).id
            self._bodies[key] = known
        return known

    def header_set(self, headers: str) -> int:
        """The id of a list of headers."""
        known = self._header_sets.get(headers)
        if known is None:
            key = content_hash(headers.encode())
            row = self._connection.execute("SELECT id FROM header_sets WHERE hash = ?", (key,)).fetchone()
            if row is None:
                sql = "INSERT INTO header_sets (hash, headers) VALUES (?, ?) RETURNING id"
                row = self._connection.execute(sql, (key, headers)).fetchone()
            known = self._header_sets[headers] = int(row[0])
            if len(self._header_sets) > _HEADER_SETS:
                self._header_sets.clear()
        return known

    def flush(self) -> None:
        """Write what was saved. Raises sqlite3.Error."""
        execute = self._connection.executemany
        execute("INSERT INTO blobs (id, hash, size, encoding, content) VALUES (?, ?, ?, ?, ?)", self._blob_rows)
        execute("INSERT INTO recipes (id, hash, level, size) VALUES (?, ?, ?, ?)", self._recipe_rows)
        execute("INSERT INTO recipe_parts (recipe, position, blob, child) VALUES (?, ?, ?, ?)", self._part_rows)
        self._blob_rows, self._recipe_rows, self._part_rows = [], [], []

    def _highest(self, table: str) -> int:
        row = self._connection.execute(f"SELECT max(id) FROM {table}").fetchone()  # noqa: S608 - our own names
        return int(row[0] or 0)

    def _known(self, table: str, hash_: bytes) -> Ref | None:
        row = self._connection.execute(f"SELECT id, size FROM {table} WHERE hash = ?", (hash_,)).fetchone()  # noqa: S608
        return Ref(row[0], hash_, row[1]) if row else None

    def _piece(self, piece: bytes, stream: bool) -> tuple[Ref, ...]:
        """The blobs of one piece. Found by the hash of the original, so that only new pieces are redacted."""
        key = (content_hash(piece), stream)
        refs = self._pieces.get(key)
        if refs is None:
            clean = self.redactor.stream(piece) if stream else self.redactor.body(piece)
            refs = tuple(self._blob(part) for part in pieces.strings(clean))
            self._pieces[key] = refs
        return refs

    def _blob(self, data: bytes) -> Ref:
        hash_ = content_hash(data)
        ref = self._blobs.get(hash_) or self._known("blobs", hash_)
        if ref is None:
            ref = Ref(self._next_blob, hash_, len(data))
            self._next_blob += 1
            encoding, content = compress(self._compressor, data)
            self._blob_rows.append((ref.id, hash_, len(data), encoding, content))
        self._blobs[hash_] = ref
        return ref

    def _tree(self, refs: list[Ref]) -> Ref:
        level = 1
        while True:
            refs = [self._recipe(level, run) for run in _runs(refs)]
            if len(refs) == 1:
                return refs[0]
            level += 1

    def _recipe(self, level: int, parts: list[Ref]) -> Ref:
        hash_ = content_hash(bytes((level,)) + b"".join(part.hash for part in parts))
        ref = self._recipes.get(hash_) or self._known("recipes", hash_)
        if ref is None:
            ref = Ref(self._next_recipe, hash_, sum(part.size for part in parts))
            self._next_recipe += 1
            self._recipe_rows.append((ref.id, hash_, level, ref.size))
            for position, part in enumerate(parts):
                blob, child = (part.id, None) if level == 1 else (None, part.id)
                self._part_rows.append((ref.id, position, blob, child))
        self._recipes[hash_] = ref
        return ref


def _runs(refs: list[Ref]) -> list[list[Ref]]:
    """At least one run; fewer runs than entries unless there is only one entry."""
    runs: list[list[Ref]] = [[]]
    for ref in refs:
        if (ends := len(runs[-1])) >= _LONGEST_RUN or (ends >= _SHORTEST_RUN and not runs[-1][-1].hash[0] & _RUN_MASK):
            runs.append([])
        runs[-1].append(ref)
    return runs
