"""What there is to read in an answer that is no JSON."""

from __future__ import annotations

import pytest

from translators.canonical.excerpt import LONGEST, excerpt

PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><title>502 Bad Gateway</title>
<style>p { color: red }</style ><script src="x">if (a < b) alert("no")</script></head>
<body><!-- if a > b --><h1>Bad
   gateway</h1><hr><center>nginx</center></body></html>"""

BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ""),
    "spaces": (b" \n ", ""),
    "words": (b"upstream connect\n  error", "upstream connect error"),
    "a page": (PAGE, "502 Bad Gateway Bad gateway nginx"),
    "words before a page": (b"error: <html><b>no</b></html>", "error: no"),
    "signs that begin no tag": (b"a < b and b > a, x <= y", "a < b and b > a, x <= y"),
    "a tag that is cut off": (b"<p>busy</p><a href=", "busy <a href="),
    "a long style sheet": (b"<style>" + b"p{}" * 9000 + b"</style>busy", "busy"),
    "a style sheet that is cut off": (b"busy<style>" + b"p{}" * 9000, "busy"),
    "no text at all": (b"\xff\xfe", "\ufffd\ufffd"),
    "much": (b"x" * 9000, "x" * LONGEST),
}


@pytest.mark.parametrize(("body", "text"), BODIES.values(), ids=BODIES)
def test_its_words_in_one_line(body: bytes, text: str) -> None:
    assert excerpt(body) == text
