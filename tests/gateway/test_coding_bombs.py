"""Bodies that grow without end when their codings are undone: refused before they have grown."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from addons.gateway import codings

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstandard.ZstdCompressor().compress,
}
LIMIT = 1 << 20
BOMB = bytes(64 << 20)


@pytest.mark.parametrize(("inner", "outer"), list(itertools.product(["", *CODINGS], CODINGS)))
def test_a_bomb_is_refused_within_bounded_memory(inner: str, outer: str) -> None:
    body = CODINGS[outer](CODINGS[inner](BOMB) if inner else BOMB)
    header = f"{inner}, {outer}" if inner else outer
    tracemalloc.start()
    with pytest.raises(codings.TooLargeError):
        codings.decode(header, body, LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("size", [0, 1, codings.PORTION - 1, codings.PORTION, codings.PORTION + 1, 3 * codings.PORTION])
def test_every_byte_up_to_the_limit_comes_out(name: str, size: int) -> None:
    plain = (bytes(range(256)) * (size // 256 + 1))[:size]
    for data in (plain, bytes(size)):
        assert codings.decode(name, CODINGS[name](data), size) == data


def test_too_many_codings_are_refused() -> None:
    with pytest.raises(codings.CodingError):
        codings.decode("gzip, gzip, gzip, gzip", b"", LIMIT)
