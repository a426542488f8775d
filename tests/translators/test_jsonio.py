"""JSON that clients send and one of the two parsers refuses."""

from __future__ import annotations

import pytest

from translators import jsonio


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"n": 36893488147419103232}', {"n": 2.0**65}),
        (b'{"t": "\\ud83d"}', {"t": "\ud83d"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"1e-400", 0.0),
    ],
    ids=["an integer beyond 64 bits", "half an emoji", "a byte order mark", "next to nothing"],
)
def test_what_clients_send_is_read(data: bytes, value: object) -> None:
    assert jsonio.loads(data) == value


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b'{"n": 1e400}', b"-1e999", b"{", b"\xff", b"[" * 200_000])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        jsonio.loads(data)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a": 1}', {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        (b"{}", {}),
        (b"[1]", None),
        (b"null", None),
        (b'"{}"', None),
        (b"", None),
        (b'{"a": 1', None),
        (b"[" * 200_000, None),
        (b"\xff", None),
    ],
)
def test_an_object_is_told_from_whatever_else(data: bytes | str, found: object) -> None:
    assert jsonio.object_in(data) == found
