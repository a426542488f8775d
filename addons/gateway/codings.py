"""Undoes content codings (gzip, deflate, br, zstd, also stacked), with a limit, whole or piece by piece.

mitmproxy decodes without a limit: a megabyte of gzip can become a gigabyte (mitmproxy sheet, point 10).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import zstandard


class CodingError(ValueError):
    """Unknown coding, or bytes that are not in it."""


class TooLargeError(ValueError):
    """More bytes came out than are allowed."""


Step = Callable[[bytes], Iterator[bytes]]
#: Bytes that a step hands on at a time (zstd: at most some megabytes).
PORTION = 256 << 10


def _zlib(window: int | None) -> Step:
    """`deflate` (no window named) is zlib by the standard and raw by habit of some servers."""
    decoder: Any = None if window is None else zlib.decompressobj(window)

    def step(data: bytes) -> Iterator[bytes]:
        nonlocal decoder
        if decoder is None and data:
            decoder = zlib.decompressobj(-zlib.MAX_WBITS if (data[0] & 0x0F) != 8 else zlib.MAX_WBITS)
        full = False
        while data or full:
            portion = decoder.decompress(data, PORTION)
            data, full = decoder.unconsumed_tail, len(portion) == PORTION  # more may be waiting inside
            yield portion

    return step


def _brotli() -> Step:
    decoder = brotli.Decompressor()

    def step(data: bytes) -> Iterator[bytes]:
        portion = decoder.process(data, output_buffer_limit=PORTION)
        yield portion
        while len(portion) >= PORTION or not decoder.can_accept_more_data():
            portion = decoder.process(b"", output_buffer_limit=PORTION)
            yield portion

    return step


def _zstd() -> Step:
    """Has no limit on what comes out; four bytes can become 128 kB, so it is given few at a time."""
    decoder = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)

    def step(data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), 256):
            yield decoder.decompress(data[start : start + 256])

    return step


_CODINGS: dict[str, Callable[[], Step]] = {
    "gzip": lambda: _zlib(16 + zlib.MAX_WBITS),
    "x-gzip": lambda: _zlib(16 + zlib.MAX_WBITS),
    "deflate": lambda: _zlib(None),
    "br": _brotli,
    "zstd": _zstd,
}
#: Codings that one body may have; each costs work of its own.
DEEPEST = 3


def names(header: str) -> list[str]:
    """The codings of a `content-encoding` header in the order they were applied; `identity` is none."""
    return [name for part in header.split(",") if (name := part.strip().lower()) not in ("", "identity")]


class Decoding:
    """Undoes the codings of one body as its pieces arrive; raises CodingError and TooLargeError."""

    def __init__(self, header: str, limit: int) -> None:
        wanted = names(header)
        if len(wanted) > DEEPEST:
            raise CodingError(f"more than {DEEPEST} content codings")
        try:
            self._steps = [_CODINGS[name]() for name in reversed(wanted)]
        except KeyError as error:
            raise CodingError(f"unknown content-encoding {error.args[0]!r}") from None
        self._left = [limit] * len(wanted)

    def feed(self, data: bytes) -> bytes:
        try:
            return b"".join(self._through(0, data)) if self._steps else data
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise CodingError(f"the body is not in its content-encoding: {error}") from error

    def _through(self, level: int, data: bytes) -> Iterator[bytes]:
        """Portion by portion through all steps, so that a bomb is noticed before it has gone off."""
        for portion in self._steps[level](data):
            self._left[level] -= len(portion)
            if self._left[level] < 0:
                raise TooLargeError
            if level + 1 < len(self._steps):
                yield from self._through(level + 1, portion)
            else:
                yield portion


def decode(header: str, body: bytes, limit: int) -> bytes:
    """A whole body without its codings; raises CodingError and TooLargeError."""
    if not names(header):
        if len(body) > limit:
            raise TooLargeError
        return body
    return Decoding(header, limit).feed(body)
