"""Remembers which credential made which reasoning, so that after a switch of accounts only the other's has to go
(design.md, decision 4).

In memory and bounded: what was made before a restart counts as somebody else's once a backend has refused it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from enum import IntEnum

from translators.canonical.blocks import Opaque, Thinking
from translators.canonical.response import Response
from translators.reasoning import Keeps

REMEMBERED = 20_000  # payloads, and conversations


class Strip(IntEnum):
    """How much of a history's reasoning is taken out."""

    NOTHING = 0
    OTHERS = 1  # what the credential that is asked is not known to have made
    ALL = 2


class Makers:
    """One a process."""

    def __init__(self) -> None:
        self._made: OrderedDict[bytes, str] = OrderedDict()
        self._mixed: OrderedDict[tuple[str, str], None] = OrderedDict()

    def made(self, name: str, answer: Response) -> None:
        """The credential of that name made this answer's reasoning."""
        for block in answer.blocks:
            payload = block.signature if isinstance(block, Thinking) else None
            payload = block.data if isinstance(block, Opaque) else payload
            if payload:
                _remember(self._made, _digest(payload), name)

    def keeps(self, name: str) -> Keeps:
        """Reasoning that this credential is known to have made."""
        return lambda payload: self._made.get(_digest(payload)) == name

    def mixed(self, conversation: str, name: str) -> None:
        """The conversation holds reasoning that this credential's backend does not take."""
        if conversation:
            _remember(self._mixed, (conversation, name), None)

    def is_mixed(self, conversation: str, name: str) -> bool:
        return (conversation, name) in self._mixed


def _digest(payload: str) -> bytes:
    return hashlib.blake2b(payload.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _remember[K, V](table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)
