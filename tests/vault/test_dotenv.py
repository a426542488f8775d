"""`.env` files as tools write them."""

from __future__ import annotations

import pytest

from addons.vault.dotenv import parse

LINES = {
    "plain": ("KEY=value", "value"),
    "exported": ("export KEY=value", "value"),
    "spaces": ("  KEY = value  ", "value"),
    "double quotes": ('KEY="a b # c"', "a b # c"),
    "single quotes": ("KEY='a \"b\" \\n'", 'a "b" \\n'),
    "escapes": (r'KEY="a\nb\"c"', 'a\nb"c'),
    "a comment": ("KEY=value # said", "value"),
    "a hash within": ("KEY=a#b", "a#b"),
    "nothing": ("KEY=", ""),
    "only a comment": ("KEY= # none", ""),
    "an open quote": ('KEY="a b', '"a b'),
    "after a quote": ("KEY='a' # said", "a"),
    "equals signs": ("KEY=a=b==", "a=b=="),
    "windows": ("KEY=value\r", "value"),
    "with a mark of UTF-8": ("\ufeffKEY=value", "value"),
}


@pytest.mark.parametrize(("line", "value"), LINES.values(), ids=LINES)
def test_a_line_is_read(line: str, value: str):
    assert parse(line) == {"KEY": value}


def test_what_is_no_assignment_is_passed_over():
    text = "# KEY=no\n\nnonsense\n=x\n1KEY=x\nKEY=first\nKEY=last\n"
    assert parse(text) == {"KEY": "last"}
