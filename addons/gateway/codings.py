"""Undoes content codings (gzip, deflate, br, zstd, also stacked), with a limit, whole or piece by piece.

mitmproxy decodes without a limit: a megabyte of gzip can become a gigabyte (mitmproxy sheet, point 10).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import brotli
import zstandard


class CodingError(ValueError):
    """Unknown coding, or bytes that are not in it."""


class TooLargeError(ValueError):
    """More bytes came out than are allowed."""


def _inflater() -> Callable[[bytes], bytes]:
    """`deflate` is zlib by the standard and raw by habit of some servers."""
    state: dict[str, Any] = {}

    def feed(data: bytes) -> bytes:
        if "decoder" not in state:
            raw = bool(data) and (data[0] & 0x0F) != 8
            state["decoder"] = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
        return bytes(state["decoder"].decompress(data))

    return feed


def _zstd() -> Callable[[bytes], bytes]:
    decoder = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
    return lambda data: decoder.decompress(data) if data else b""


_CODINGS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress,
    "x-gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress,
    "deflate": _inflater,
    "br": lambda: brotli.Decompressor().process,
    "zstd": _zstd,
}
PIECE = 64 << 10


def names(header: str) -> list[str]:
    """The codings of a `content-encoding` header in the order they were applied; `identity` is none."""
    return [name for part in header.split(",") if (name := part.strip().lower()) not in ("", "identity")]


class Decoding:
    """Undoes the codings of one body as its pieces arrive; raises CodingError and TooLargeError."""

    def __init__(self, header: str, limit: int) -> None:
        try:
            self._steps = [_CODINGS[name]() for name in reversed(names(header))]
        except KeyError as error:
            raise CodingError(f"unknown content-encoding {error.args[0]!r}") from None
        self._left = limit

    def feed(self, data: bytes) -> bytes:
        out = []
        # in small pieces, so that a bomb is noticed before it has gone off
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            for step in self._steps:
                try:
                    piece = step(piece)
                except (zlib.error, brotli.error, zstandard.ZstdError) as error:
                    raise CodingError(f"the body is not in its content-encoding: {error}") from error
                if len(piece) > self._left:
                    raise TooLargeError
            self._left -= len(piece)
            out.append(piece)
        return b"".join(out)


def decode(header: str, body: bytes, limit: int) -> bytes:
    """A whole body without its codings; raises CodingError and TooLargeError."""
    if not names(header):
        if len(body) > limit:
            raise TooLargeError
        return body
    return Decoding(header, limit).feed(body)
