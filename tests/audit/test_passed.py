"""Tokens and cost of endpoints that are only passed through are found too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addons.audit import reader
from addons.audit.record import Side
from addons.audit.store import Store
from tests.audit.records import record
from translators.canonical.events import Usage

EMBEDDED = b'{"object": "list", "data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 800, "total_tokens": 800}}'
DRAWN = b'{"data": [], "usage": {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050}}'


def passed(path: str, answer: bytes) -> dict[str, Any]:
    of = {"provider": "openai", "requested_model": "text-embedding-3-small", "served_model": "", "usage": Usage()}
    of |= {"operation": "pass", "method": "POST", "path": path, "delivered": Side([], answer)}
    return of | {"url": "https://api.openai.com" + path}


@pytest.mark.parametrize(
    ("path", "answer", "tokens"),
    [
        ("/v1/embeddings", EMBEDDED, (800, None)),
        ("/v1/images/generations", DRAWN, (50, 1000)),
        ("/v1/images/edits/", DRAWN, (50, 1000)),
    ],
)
def test_what_they_used_is_counted(
    store: Callable[..., Store], db: Path, path: str, answer: bytes, tokens: tuple[int, int | None]
) -> None:
    store().write([record(**passed(path, answer))], 60)
    row = reader.exchange(db, "one")
    assert (row["input_total"], row["output"]) == tokens


def test_it_has_a_price(store: Callable[..., Store], db: Path) -> None:
    store().write([record(**passed("/v1/embeddings", EMBEDDED))], 60)
    row = reader.exchange(db, "one")
    assert row["cost_known"] == 1
    assert 0 < row["cost_usd"] < 0.001


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/v1/responses/resp_1"},  # counted when it was made
        {"path": "/v1/responses/resp_1/cancel"},
        {"method": "GET"},
        {"status": 400},
        {"delivered": Side([], EMBEDDED, truncated=True)},
        {"delivered": Side([], b'{"usage": ')},
        {"delivered": Side([], b'["usage"]')},
        {"delivered": Side([], b'{"usage": {"total_tokens": 0}}')},
    ],
    ids=str,
)
def test_nothing_is_counted_twice_or_guessed(store: Callable[..., Store], db: Path, changes: dict[str, Any]) -> None:
    store().write([record(**{**passed("/v1/embeddings", EMBEDDED), **changes})], 60)
    row = reader.exchange(db, "one")
    assert (row["input_total"], row["output"]) == (None, None)
