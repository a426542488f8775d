"""Takes secrets out of whatever the audit is about to store, and leaves typed marks: `[redacted:KIND]`.

Three nets, in this order: headers pass an allow-list of names; values that the gateway knows to be secret
(`set_secrets`) are found exactly; values that look like secrets are found by `patterns.PATTERNS`. The last two also
look behind JSON escapes (to any depth of JSON inside JSON) and percent-encoding. Redaction happens before the write
(field.md §4.1), at this one sink.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from addons.audit.patterns import EVERYWHERE, OWN, Screen
from addons.audit.record import Headers
from addons.audit.safe_headers import is_safe

#: Known values shorter than this would hit ordinary text; whoever makes keys makes them longer.
SHORTEST_SECRET = 8

#: Most names and headers of an exchange are those of the one before: that many of up to that length are remembered.
_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 300

_MARK = b"[redacted:"

#: Start, end and what comes in their place.
Edit = tuple[int, int, bytes]

#: A JSON escape behind one or more backslashes, or a percent-encoded byte.
_ESCAPE = re.compile(rb"\\+(?:u([0-9a-fA-F]{4})|([nrtbf\"'/])|)|%([0-9a-fA-F]{2})")
_SHORT_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

#: String values that answers are streamed in, piece by piece, in any of the protocols.
_FRAGMENT = re.compile(
    rb'"(text|content|delta|partial_json|arguments|thinking|reasoning_content|reasoning|refusal|input)"'
    rb'\s{0,8}:\s{0,8}"([^"\\]*(?:\\.[^"\\]*)*)"',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Bytes `start` to `end` are a secret; of two that overlap the one of lower `rank` names the mark."""

    start: int
    end: int
    rank: int
    kind: str


class Redactor:
    """`patterns=False` (mode `full`) leaves values in bodies that only look like secrets; our own kind stays marked."""

    def __init__(self, secrets: Iterable[str] = (), *, patterns: bool = True) -> None:
        self._in_bodies = EVERYWHERE if patterns else OWN
        self._needles: list[str] = []  # as Latin-1, like the screens' texts
        self._texts: dict[str, str] = {}
        self.set_secrets(secrets)

    def set_secrets(self, values: Iterable[str]) -> None:
        """Replaces the set of known secrets; shorter ones than `SHORTEST_SECRET` characters are ignored."""
        needles: set[str] = set()
        for value in values:
            if len(value) >= SHORTEST_SECRET:
                needles.add(value.encode("utf-8", "replace").decode("latin-1"))
                needles.add(json.dumps(value)[1:-1])
        self._texts.clear()
        self._needles = sorted(needles, key=len, reverse=True)

    def headers(self, headers: Headers) -> Headers:
        """Names in order, lower case; the value of every name that is not known to be safe replaced by a mark.

        The mark carries 32 bits of the value's SHA-256, so that one can see whether two requests used the same one.
        """
        kept: Headers = []
        for name, value in headers:
            name = name.lower()
            if is_safe(name):
                kept.append((name, self.text(value)))
            else:
                digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:8]
                kept.append((self.text(name), f"[redacted:header sha256:{digest}]"))
        return kept

    def text(self, text: str) -> str:
        """One line of text: a URL, an error, a name. Lone surrogates, which no database takes, become `?`."""
        known = self._texts.get(text)
        if known is None:
            data = text.encode("utf-8", "replace")
            known = _marked(data, self._find(data, EVERYWHERE)).decode("utf-8", "replace")
            if len(text) <= _LONGEST_REMEMBERED:
                if len(self._texts) >= _REMEMBERED:
                    self._texts.clear()
                self._texts[text] = known
        return known

    def body(self, data: bytes) -> bytes:
        """A body or a piece of one, of any kind."""
        return _marked(data, self._find(data, self._in_bodies))

    def stream(self, data: bytes) -> bytes:
        """A streamed answer: also finds what is cut up between its events.

        That comes first: a mark for the head of a secret in one event would leave its tail in the next.
        """
        fields: dict[bytes, list[re.Match[bytes]]] = {}
        for match in _FRAGMENT.finditer(data):
            fields.setdefault(match[1], []).append(match)
        edits: list[Edit] = []
        for fragments in fields.values():
            if len(fragments) > 1:
                edits.extend(self._across(fragments))
        return self.body(_edit(data, sorted(edits)) if edits else data)

    def said(self, text: str) -> str:
        """Text out of a body: as in the body."""
        return self.body(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _find(self, data: bytes, screen: Screen) -> list[Span]:
        """The secrets of `data`, in order, apart from each other."""
        spans = self._plain(data, screen)
        if b"\\" in data or b"%" in data:
            view = _View(data)
            hidden = self._plain(view.text, screen)
            spans += [Span(view.raw(span.start), view.raw(span.end), span.rank, span.kind) for span in hidden]
        return _merge(spans) if spans else spans

    def _plain(self, data: bytes, screen: Screen) -> list[Span]:
        spans: list[Span] = []
        text = data.decode("latin-1")  # positions stay what they are
        for needle in self._needles:
            start = text.find(needle)
            while start >= 0:
                spans.append(Span(start, start + len(needle), 0, "known-secret"))
                start = text.find(needle, start + len(needle))
        for rank, pattern in screen.fitting(text):
            for match in pattern.expression.finditer(data):
                start, end = match.span(pattern.group)
                if not data.startswith(_MARK, start):
                    spans.append(Span(start, end, rank, pattern.kind))
        return spans

    def _across(self, fragments: list[re.Match[bytes]]) -> list[Edit]:
        """Edits that take secrets out of a text that came in fragments."""
        spans = self._find(b"".join(match[2] for match in fragments), self._in_bodies)
        edits: list[Edit] = []
        current = position = 0
        for match in fragments:
            offset = match.start(2) - position
            end = position + len(match[2])
            while current < len(spans) and spans[current].start < end:
                span = spans[current]
                # The mark goes where the secret begins; its other pieces are emptied.
                mark = _mark(span.kind) if span.start >= position else b""
                edits.append((max(span.start, position) + offset, min(span.end, end) + offset, mark))
                if span.end > end:
                    break
                current += 1
            position = end
        return edits


class _View:
    """The text behind the escapes of `data`, and the way back from its positions."""

    def __init__(self, data: bytes) -> None:
        pieces: list[bytes] = []
        self._view = [0]
        self._raw = [0]
        done = length = 0
        for match in _ESCAPE.finditer(data):
            start, end = match.span()
            plain = _plain_byte(match)
            pieces.append(data[done:start])
            pieces.append(plain)
            length += start - done
            self._view.append(length)
            self._raw.append(start)
            length += len(plain)
            self._view.append(length)
            self._raw.append(end)
            done = end
        pieces.append(data[done:])
        self._size = len(data)
        self.text = b"".join(pieces)

    def raw(self, position: int) -> int:
        index = bisect_right(self._view, position) - 1
        return min(self._raw[index] + position - self._view[index], self._size)


def _plain_byte(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return chr(int(match[1], 16)).encode("utf-8", "replace")
    if match[2]:
        return _SHORT_ESCAPES.get(match[2], match[2])
    if match[3]:
        return bytes((int(match[3], 16),))
    return b"\\"


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            named = min(last, span, key=lambda s: s.rank)
            merged[-1] = Span(last.start, max(last.end, span.end), named.rank, named.kind)
        else:
            merged.append(span)
    return merged


def _mark(kind: str) -> bytes:
    return _MARK + kind.encode() + b"]"


def _marked(data: bytes, spans: list[Span]) -> bytes:
    return _edit(data, [(span.start, span.end, _mark(span.kind)) for span in spans]) if spans else data


def _edit(data: bytes, edits: list[Edit]) -> bytes:
    """`edits` in order and apart from each other."""
    pieces: list[bytes] = []
    done = 0
    for start, end, new in edits:
        pieces += (data[done:start], new)
        done = end
    pieces.append(data[done:])
    return b"".join(pieces)
