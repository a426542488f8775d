"""Writes batches of exchanges into the database, one transaction a batch. Used by the writer process alone."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from addons.audit import passed, rows, said, schema
from addons.audit.bodies import BodyStore
from addons.audit.record import ExchangeRecord, Origin, Side
from addons.audit.redact import Redactor
from addons.audit.settings import AuditSettings, Mode

#: Conversations whose messages are remembered, so that a turn does not ask the database for each of them.
_CONVERSATIONS = 100
_MESSAGES = 5_000


@dataclass(slots=True)
class Result:
    """`taken` records of the batch were dealt with: `written`, or lost for a reason of their own in `faults`."""

    taken: int = 0
    written: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    exchanges: list[rows.Row] = field(default_factory=list)
    attempts: list[rows.Row] = field(default_factory=list)
    sides: list[rows.Row] = field(default_factory=list)
    messages: list[rows.Row] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


class Store:
    """One connection. Raises sqlite3.Error or OSError when the database cannot be used, having written nothing then."""

    def __init__(self, path: Path, settings: AuditSettings) -> None:
        self.path = path
        self._secrets: list[str] = []
        self._conversations: OrderedDict[str, set[bytes]] = OrderedDict()
        self.connection = schema.open_for_writing(
            path, busy_seconds=settings.busy_seconds, max_pages=settings.max_pages
        )
        self._inode = path.stat().st_ino
        self.configure(settings)

    def configure(self, settings: AuditSettings) -> None:
        self.settings = settings
        self._redactor = Redactor(self._secrets, patterns=settings.mode is not Mode.FULL)
        self._rows = rows.RowMaker(self._redactor)
        self.bodies = BodyStore(self._redactor)
        self._conversations.clear()

    def set_secrets(self, values: Iterable[str]) -> None:
        self._secrets = list(values)
        self._redactor.set_secrets(self._secrets)
        self.forget()

    def forget(self) -> None:
        """What is remembered of the database may no longer be true."""
        self.bodies.forget()
        self._conversations.clear()

    def replaced(self) -> bool:
        """True when the file at the path is no longer the one that is open (deleted or restored by someone)."""
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return True

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()

    def write(self, records: Sequence[ExchangeRecord], seconds: float) -> Result:
        """Write the first records of `records`, as many as fit in about `seconds`, at least one."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = self._write(records, time.monotonic() + seconds)
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
            self.forget()
            raise
        return result

    def _write(self, records: Sequence[ExchangeRecord], until: float) -> Result:
        self.bodies.begin(self.connection)
        row = self.connection.execute("SELECT max(seq) FROM exchanges").fetchone()
        seq = int(row[0] or 0)
        batch, result = _Batch(), Result()
        for record in records:
            result.taken += 1
            if record.origin is Origin.IMPORTED and (record.id in batch.ids or self._stored(record.id)):
                result.written += 1  # recorded when it happened, or imported before
                continue
            seq += 1
            notes = list(record.notes)
            id_ = self._id(record, batch, notes)
            try:
                self._exchange(record, seq, id_, notes, batch)
                result.written += 1
            except sqlite3.Error:
                raise
            except Exception as error:  # a record that cannot be stored whole is stored without its bodies
                result.faults.append(f"{type(error).__name__}: {error}")
                self._bare(record, seq, id_, batch, result)
            if time.monotonic() >= until:
                break
        self.bodies.flush()
        execute = self.connection.executemany
        execute(rows.INSERT_EXCHANGE, batch.exchanges)
        execute(rows.INSERT_ATTEMPT, batch.attempts)
        execute(rows.INSERT_SIDE, batch.sides)
        execute(rows.INSERT_MESSAGE, batch.messages)
        return result

    def _bare(self, record: ExchangeRecord, seq: int, id_: str, batch: _Batch, result: Result) -> None:
        for table in (batch.exchanges, batch.attempts, batch.sides):
            table[:] = [row for row in table if row[0] != seq]
        batch.messages = [row for row in batch.messages if row[1] != seq]
        try:
            batch.exchanges.append(self._rows.exchange(record, seq, id_, ["its bodies were lost"], Mode.METADATA))
            result.written += 1
        except sqlite3.Error:
            raise
        except Exception as error:
            result.faults.append(f"lost: {type(error).__name__}: {error}")

    def _exchange(self, record: ExchangeRecord, seq: int, id_: str, notes: list[str], batch: _Batch) -> None:
        self._side(batch, seq, 0, "client_request", record.client_request)
        self._side(batch, seq, 0, "delivered", record.delivered, answer=True)
        for number, attempt in enumerate(record.attempts, 1):
            batch.attempts.append(self._rows.attempt(attempt, seq, number))
            self._side(batch, seq, number, "upstream_request", attempt.request)
            if attempt.response is not None:
                self._side(batch, seq, number, "upstream_response", attempt.response, answer=True)
        mode = self.settings.mode
        if mode is not Mode.METADATA and record.operation == "generate":
            try:
                self._messages(record, seq, batch)
            except Exception as error:  # a body that is not of its protocol is kept, only not searchable
                notes.append(f"not searchable: {type(error).__name__}")
        batch.exchanges.append(self._rows.exchange(passed.counted(record), seq, id_, notes, mode))

    def _id(self, record: ExchangeRecord, batch: _Batch, notes: list[str]) -> str:
        """The exchange's id; a second one of the same id is marked, never dropped (field.md, case 79)."""
        id_ = base = self._rows.text(record.id)
        number = 1
        while id_ in batch.ids or self._stored(id_):
            number += 1
            id_ = f"{base}~{number}"
        if number > 1:
            notes.append("another exchange of this id was recorded before")
        batch.ids.add(id_)
        return id_

    def _stored(self, id_: str) -> bool:
        return self.connection.execute("SELECT 1 FROM exchanges WHERE id = ?", (id_,)).fetchone() is not None

    def _side(self, batch: _Batch, seq: int, attempt: int, name: str, side: Side, *, answer: bool = False) -> None:
        cap = self.settings.body_cap
        truncated = side.truncated or (0 < cap < len(side.body))
        recipe = None
        if self.settings.mode is not Mode.METADATA:
            recipe = self.bodies.save(side.body[:cap] if cap else side.body, answer=answer)
        headers, values = self._rows.headers(side)
        set_id = self.bodies.header_set(headers)
        batch.sides.append((seq, attempt, name, set_id, values, recipe, len(side.body), int(truncated)))

    def _messages(self, record: ExchangeRecord, seq: int, batch: _Batch) -> None:
        if record.client_request.body:
            asked = said.in_request(record.client_protocol, record.client_request.body, model=record.requested_model)
            self._remember(record, seq, batch, asked)
        if record.delivered.body and record.status < 400:
            protocol = record.output_protocol or record.client_protocol
            self._remember(record, seq, batch, said.in_answer(protocol, record.delivered.body))

    def _remember(self, record: ExchangeRecord, seq: int, batch: _Batch, messages: list[said.Said]) -> None:
        conversation = self._rows.text(record.conversation)
        seen = self._conversations.setdefault(conversation, set())
        self._conversations.move_to_end(conversation)
        while len(self._conversations) > _CONVERSATIONS:
            self._conversations.popitem(last=False)
        if len(seen) > _MESSAGES:
            seen.clear()
        for message in messages:
            key = _hash(conversation, message.role, message.kind, message.text)
            if key in seen:
                continue
            seen.add(key)
            text = self._redactor.said(message.text)
            if len(text) > self.settings.search_cap:
                text = text[: self.settings.search_cap] + "…"
            hash_ = _hash(conversation, message.role, message.kind, text)
            batch.messages.append((hash_, seq, conversation, record.started, message.role, message.kind, text))


def _hash(*parts: str) -> bytes:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=20).digest()
