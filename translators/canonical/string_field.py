"""The string at one property of a JSON object, decoded while the object still grows.

A custom (free-text) tool is a function with one string property towards backends that know no custom tools; its client
wants to see the text as it is written (mapping.md §2, Custom tools).
"""

from __future__ import annotations

import re
from enum import Enum, auto

from translators import jsonio

_IN_STRING = re.compile(r'["\\]')


class _State(Enum):
    BEGIN = auto()  # before the opening brace
    KEY = auto()  # before a key or the closing brace
    IN_KEY = auto()
    COLON = auto()
    VALUE = auto()  # behind the colon
    INPUT = auto()  # inside the string that is decoded
    OTHER = auto()  # inside any other value
    OTHER_STRING = auto()
    RAW = auto()  # no object at all: free text as it is
    DONE = auto()


_SIMPLE_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SPACE = " \t\r\n"
_OTHER_TOKEN = re.compile(r'["{}\[\],]')


class StringFieldDecoder:
    """Decodes, while it still grows, the string at property `input` of a JSON object given in pieces.

    `feed` returns the characters that became certain. Text that does not begin like an object is passed as it is, an
    `input` that is no string as its JSON text. `end` returns what was held back: half of a surrogate pair, or the whole
    text if there was no `input` at all (call it where the block stops).
    """

    def __init__(self, name: str = "input") -> None:
        self._property = name
        self._state = _State.BEGIN
        self._escape = ""  # an unfinished escape, with its backslash
        self._high = ""  # a high surrogate that waits for its partner
        self._key: list[str] = []
        self._emit = False  # the OTHER value is the one at `input`
        self._depth = 0
        self._found = False
        self._seen: list[str] = []  # all text, until `input` is found

    def feed(self, fragment: str) -> str:
        if not self._found:
            self._seen.append(fragment)
        out: list[str] = []
        at = 0
        while at < len(fragment):
            at = self._step(fragment, at, out)
        return "".join(out)

    def end(self) -> str:
        if not self._found and self._state is not _State.RAW:
            text = "".join(self._seen)
            self._found = True
            return "" if _is_empty(text) else text
        held, self._high, self._escape = self._high, "", ""
        return held

    def _step(self, text: str, at: int, out: list[str]) -> int:
        """Consume some of `text` from `at`; → the new position."""
        match self._state:
            case _State.INPUT:
                return self._input(text, at, out)
            case _State.OTHER:
                return self._other(text, at, out)
            case _State.IN_KEY | _State.OTHER_STRING:
                return self._skip_string(text, at, out)
            case _State.RAW:
                out.append(text[at:])
                return len(text)
            case _State.DONE:
                return len(text)
        character = text[at]
        if character in _SPACE or (character == "," and self._state is _State.KEY):
            return at + 1
        match self._state, character:
            case _State.BEGIN, "{":
                self._state = _State.KEY
            case _State.BEGIN, _:
                self._state = _State.RAW
                self._found = True
                out.append("".join(self._seen)[: -(len(text) - at)])  # leading space
                self._seen.clear()
                return at
            case _State.KEY, '"':
                self._key.clear()
                self._state = _State.IN_KEY
            case _State.COLON, ":":
                self._state = _State.VALUE
            case _State.VALUE, _:
                self._emit = not self._found and "".join(self._key) == self._property
                if self._emit:
                    self._found = True
                    self._seen.clear()
                if character == '"' and self._emit:
                    self._state = _State.INPUT
                    return at + 1
                self._state = _State.OTHER
                return at
            case _:  # the closing brace, or nothing that an object has here
                self._state = _State.DONE
        return at + 1

    def _skip_string(self, text: str, at: int, out: list[str]) -> int:
        begin = at
        if self._escape:  # behind a backslash: whatever follows belongs to the string
            self._escape = ""
            at += 1
        found = _IN_STRING.search(text, at)
        end = len(text) if found is None else found.end()
        in_key = self._state is _State.IN_KEY
        if in_key:
            self._key.append(text[begin : end if found is None or found.group() == "\\" else end - 1])
        elif self._emit:
            out.append(text[begin:end])
        if found is not None:
            if found.group() == "\\":
                self._escape = "\\"
            else:
                self._state = _State.COLON if in_key else _State.OTHER
        return end

    def _other(self, text: str, at: int, out: list[str]) -> int:
        found = _OTHER_TOKEN.search(text, at)
        end = len(text) if found is None else found.end()
        if found is not None:
            character = found.group()
            if self._depth == 0 and character in ",}]":
                end = found.start()
                self._state = _State.KEY if character == "," else _State.DONE
            elif character == '"':
                self._state = _State.OTHER_STRING
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
        if self._emit:
            out.append(text[at:end])
        return end

    def _input(self, text: str, at: int, out: list[str]) -> int:
        if self._escape:
            return self._in_escape(text, at, out)
        found = _IN_STRING.search(text, at)
        end = len(text) if found is None else found.start()
        if end > at:
            self._put(text[at:end], out)
        if found is None:
            return end
        if found.group() == "\\":
            self._escape = "\\"
        else:
            out.append(self._high)
            self._high = ""
            self._state = _State.KEY
        return found.end()

    def _in_escape(self, text: str, at: int, out: list[str]) -> int:
        self._escape += text[at]
        escape = self._escape
        if escape[1] != "u":
            self._escape = ""
            self._put(_SIMPLE_ESCAPES.get(escape[1], escape[1]), out)
        elif len(escape) == 6:
            self._escape = ""
            try:
                character = chr(int(escape[2:], 16))
            except ValueError:
                character = escape
            self._put(character, out)
        return at + 1

    def _put(self, characters: str, out: list[str]) -> None:
        if self._high:
            if len(characters) == 1 and "\udc00" <= characters <= "\udfff":
                pair = 0x10000 + ((ord(self._high) - 0xD800) << 10) + (ord(characters) - 0xDC00)
                characters = chr(pair)
            else:
                out.append(self._high)
            self._high = ""
        if len(characters) == 1 and "\ud800" <= characters <= "\udbff":
            self._high = characters
        else:
            out.append(characters)


def _is_empty(text: str) -> bool:
    try:
        return not text.strip() or jsonio.loads(text) == {}
    except ValueError:
        return False
