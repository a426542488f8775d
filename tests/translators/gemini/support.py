"""Short ways to what the tests of the Gemini protocol need again and again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.translators import streams
from translators import registry
from translators.canonical import response
from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.canonical.target import Target
from translators.protocol import Encoded, Protocol, Reply

Json = dict[str, Any]

GEMINI: Protocol = registry.get("gemini")
FIXTURES = Path(__file__).parents[2] / "fixtures" / "gemini"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def load(name: str) -> Any:
    return json.loads(fixture(name))


def decode(body: Json, model: str = "gemini-3-pro") -> Any:
    """A Request; untyped, since tests look into its unions."""
    return GEMINI.decode_request(body, model=model, stream=True)


def said(*contents: Any) -> Json:
    """A body whose contents are (role, part, part …)."""
    return {"contents": [{"role": role, "parts": list(parts)} for role, *parts in contents]}


def target(**settings: Any) -> Target:
    return Target("gemini", "gemini-3-pro", **settings)


def encode(request: Request, **settings: Any) -> Encoded:
    return GEMINI.encode_request(request, target(**settings))


def body(request: Request, **settings: Any) -> Json:
    return encode(request, **settings).body


def reply(request: Request | None = None, **settings: Any) -> Reply:
    return Reply("seed", 1_700_000_000, "gemini-3-pro", request, **settings)


def read_stream(data: bytes, names: NameMap | None = None, step: int | None = None) -> Any:
    """All events of a stream, fed whole or `step` bytes at a time."""
    return streams.read(GEMINI, streams.pieces(data, step), names)


def folded(events: list[StreamEvent]) -> Any:
    """A Response, untyped likewise."""
    return response.folded(events)


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\r\n\r\n" for chunk in chunks)


def chunk(*parts: Json, reason: str | None = None, **more: Any) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], **more}


def frames(data: bytes) -> list[Json]:
    """The chunks of what we sent a client; fails on anything but `data: {…}` frames."""
    out = []
    for frame in data.split(b"\n\n")[:-1]:
        assert frame.startswith(b"data: {"), frame
        assert b"\n" not in frame
        out.append(json.loads(frame[6:]))
    assert data.endswith(b"\n\n")
    return out


def write_stream(events: list[StreamEvent], to: Reply | None = None) -> bytes:
    return streams.write(GEMINI, events, to or reply())
