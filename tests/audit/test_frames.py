"""What the gateway writes into the pipe is what its writer reads out of it."""

from __future__ import annotations

import dataclasses
import io

import pytest

from addons.audit import frames
from addons.audit.record import AttemptRecord, ExchangeRecord, Origin, Side
from tests.audit.records import record
from translators.canonical.events import Usage


def distinct(type_: type[AttemptRecord] | type[ExchangeRecord] | type[Usage]) -> dict[str, object]:
    """A value of its own for each field, so that no two can change places unnoticed."""
    return {field.name: f"value of {field.name}" for field in dataclasses.fields(type_)}


def test_records_arrive_with_every_field_in_its_place() -> None:
    attempt = AttemptRecord(**{**distinct(AttemptRecord), "request": Side([("a", "b")], b"asked", True)})  # type: ignore[arg-type]
    whole = ExchangeRecord(
        **{
            **distinct(ExchangeRecord),
            "origin": Origin.IMPORTED,
            "usage": Usage(**distinct(Usage)),  # type: ignore[arg-type]
            "attempts": [attempt],
        }  # type: ignore[arg-type]
    )
    sent = [whole, record("second"), record("third")]
    payload = frames.pack_records(sent)
    assert frames.count_of(payload) == 3
    assert frames.unpack_records(payload) == sent


@pytest.mark.parametrize("size", [0, 10, 1 << 16, (1 << 16) + 1, 1 << 20])
def test_frames_of_any_size_arrive_in_order(size: int) -> None:
    pipe = io.BytesIO()
    for tag, payload in ((frames.RECORDS, b"r" * size), (frames.FLUSH, b"token")):
        pipe.writelines(frames.pack(tag, payload))
    pipe.seek(0)
    assert list(frames.unpack(pipe)) == [(frames.RECORDS, b"r" * size), (frames.FLUSH, b"token")]


@pytest.mark.parametrize("kept", [1, 4, 5, 9])
def test_a_frame_that_was_cut_short_is_dropped(kept: int) -> None:
    whole = b"".join(frames.pack(frames.FLUSH, b"token"))
    assert list(frames.unpack(io.BytesIO(whole + whole[:kept]))) == [(frames.FLUSH, b"token")]
