"""What the audit keeps and for how long: plain data, given to the client and carried to the writer process."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Decision 11."""

    REDACTED = "redacted"  # everything, secrets replaced by typed marks
    FULL = "full"  # bodies without pattern marks; our own credentials and keys are still never stored
    METADATA = "metadata"  # no bodies and nothing of what was said
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Sizes are bytes, times seconds unless the name says otherwise. Names are those of `[audit]` in config.toml.

    A limit of 0 means no limit. `body_cap` bounds each side of an exchange; `queue_records` and `queue_bytes` bound
    what waits in the gateway for the writer (beyond them records are dropped and counted). `search_cap` bounds the text
    of one message that is searchable, in characters.
    """

    mode: Mode = Mode.REDACTED  # its name as a string is taken too
    max_age_days: float = 30
    max_rows: int = 100_000
    max_bytes: int = 2 << 30
    body_cap: int = 8 << 20
    search_cap: int = 32_000
    queue_records: int = 10_000
    queue_bytes: int = 128 << 20
    batch_records: int = 200
    batch_seconds: float = 0.25
    busy_seconds: float = 10.0  # how long a locked database is waited for before a batch is given up
    retention_seconds: float = 30.0  # between two looks at the limits while nothing is over them
    retention_step: int = 200  # exchanges deleted in one step
    max_pages: int = 0  # SQLite's own ceiling of the file, in pages: beyond it writes fail as on a full disk

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", Mode(self.mode))  # raises ValueError for a mode that does not exist
