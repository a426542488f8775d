"""Signed thinking, remembered for clients whose protocol cannot carry it (openai_chat), by the ids of their tool calls.

The carrier (`carrier.py`) is better where it works: this memory forgets with a restart and is not shared between
replicas (mapping.md §5, Carrier). A lost entry costs what it cost without: the encoders drop or replace the signature.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from translators.canonical.arguments import as_object
from translators.canonical.blocks import Block, Opaque, Text, Thinking, ToolCall
from translators.canonical.request import Request, Role, Turn
from translators.canonical.response import Response

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What stood before one call of an answer: `leading` before any text of it, `near` after some."""

    call: ToolCall
    leading: tuple[Block, ...]
    near: tuple[Block, ...]
    size: int


class ReasoningMemory:
    """Bounded by entries and bytes; the least recently used go first.

    `scope` parts what must not meet: pass the conversation key, because some backends count their ids anew ("call_0")
    with every answer. An entry is only restored to a call of the same name and arguments.
    """

    def __init__(self, max_entries: int = 10_000, max_bytes: int = 64 * 1024 * 1024) -> None:
        self.size = 0  # bytes held
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def remember(self, response: Response, scope: str = "") -> None:
        """Keep the signed thinking of `response`, each block with the call that follows it."""
        leading: list[Block] = []
        near: list[Block] = []
        saw_text = False
        for block in response.blocks:
            match block:
                case Thinking(signature=str(signature)) if signature:
                    (near if saw_text else leading).append(block)
                case Opaque():
                    (near if saw_text else leading).append(block)
                case Text(text=text) if text:
                    saw_text = True
                case ToolCall() if block.kind != "server":
                    if block.id and (leading or near):
                        self._store((scope, block.id), block, leading, near)
                    leading, near, saw_text = [], [], True

    def restore(self, request: Request, scope: str = "") -> int:
        """Put remembered thinking back where an assistant turn has calls but nothing signed.

        → how many blocks were put back. `request` gets a new list of turns; a turn that changed is a new one, because
        attempts share them. Unsigned thinking of such a turn gives way to the signed.
        """
        turns: list[Turn] = []
        total = 0
        for turn in request.turns:
            blocks, count = self._restored(turn, scope) if turn.role is Role.ASSISTANT else (turn.blocks, 0)
            turns.append(Turn(turn.role, blocks) if count else turn)
            total += count
        request.turns = turns
        return total

    def _restored(self, turn: Turn, scope: str) -> tuple[list[Block], int]:
        if any(isinstance(b, Opaque) or (isinstance(b, Thinking) and b.signature) for b in turn.blocks):
            return turn.blocks, 0
        head: list[Block] = []
        rest: list[Block] = []
        count = 0
        first = True
        for block in turn.blocks:
            if isinstance(block, ToolCall):
                entry = self._find((scope, block.id), block)
                if entry is not None:
                    (head if first else rest).extend(entry.leading)
                    rest.extend(entry.near)
                    count += len(entry.leading) + len(entry.near)
                first = False
            rest.append(block)
        return [*head, *(b for b in rest if not isinstance(b, Thinking) or b.signature)], count

    def _find(self, key: _Key, call: ToolCall) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None or entry.call.name != call.name or not _same_arguments(entry.call, call):
            return None
        self._entries.move_to_end(key)
        return entry

    def _store(self, key: _Key, call: ToolCall, leading: list[Block], near: list[Block]) -> None:
        self._drop(key)
        size = len(call.arguments) + sum(_size(block) for block in (*leading, *near))
        if size > self._max_bytes:
            return
        self._entries[key] = _Entry(call, tuple(leading), tuple(near), size)
        self.size += size
        while self.size > self._max_bytes or len(self._entries) > self._max_entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: _Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= entry.size


def _size(block: Block) -> int:
    match block:
        case Thinking():
            return len(block.text.encode("utf-8", "surrogatepass")) + len(block.signature or "")
        case Opaque():
            return len(block.data)
    return 0


def _same_arguments(one: ToolCall, other: ToolCall) -> bool:
    """Clients parse and write arguments anew, so their spelling may differ."""
    return one.arguments == other.arguments or as_object(one.arguments) == as_object(other.arguments)
