"""Content codings: alone, stacked, in pieces, and with a limit that a bomb does not pass."""

import contextlib
import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from addons.gateway.codings import CodingError, Decoding, TooLargeError, decode


def deflate_raw(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return encoder.compress(data) + encoder.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
TEXT = "grüße 日本 🎈 ".encode() * 50


@pytest.mark.parametrize("coding", ENCODERS)
def test_each_coding_is_undone(coding: str) -> None:
    assert decode(coding, ENCODERS[coding](TEXT), 1 << 20) == TEXT
    assert decode(coding.upper(), ENCODERS[coding](TEXT), 1 << 20) == TEXT


def test_raw_deflate_is_understood_too() -> None:
    assert decode("deflate", deflate_raw(TEXT), 1 << 20) == TEXT


def test_stacked_codings_are_undone_in_reverse() -> None:
    assert decode("gzip, br", brotli.compress(gzip.compress(TEXT)), 1 << 20) == TEXT


@pytest.mark.parametrize("coding", ENCODERS)
def test_a_stream_may_be_cut_anywhere(coding: str) -> None:
    encoded = ENCODERS[coding](TEXT)
    decoding = Decoding(coding, 1 << 20)
    assert b"".join(decoding.feed(encoded[i : i + 1]) for i in range(len(encoded))) == TEXT


@pytest.mark.parametrize("coding", ENCODERS)
def test_a_bomb_is_stopped(coding: str) -> None:
    bomb = ENCODERS[coding](b"\0" * (32 << 20))
    with pytest.raises(TooLargeError):
        decode(coding, bomb, 1 << 20)


def test_identity_and_nothing_are_no_coding() -> None:
    assert decode("", b"x", 10) == decode("identity", b"x", 10) == b"x"
    with pytest.raises(TooLargeError):
        decode("", b"x" * 11, 10)


@pytest.mark.parametrize("coding", ["compress", "gzip;q=1", "utf-8"])
def test_an_unknown_coding_is_an_error(coding: str) -> None:
    with pytest.raises(CodingError, match="unknown content-encoding"):
        decode(coding, b"", 10)


@given(st.sampled_from(sorted(ENCODERS)), st.binary(min_size=1, max_size=200))
def test_garbage_never_raises_anything_else(coding: str, data: bytes) -> None:
    with contextlib.suppress(CodingError, TooLargeError):
        decode(coding, data, 1 << 16)
