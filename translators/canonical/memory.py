"""Reasoning, remembered for clients whose protocol cannot carry it (openai_chat), by the ids of their tool calls.

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

#: Between two thoughts of one answer.
PART_BREAK = "\n\n"


@dataclass(frozen=True, slots=True)
class _Entry:
    """What stood before one call of an answer: `leading` before any text of it, `near` after some."""

    call: ToolCall
    leading: tuple[Block, ...]
    near: tuple[Block, ...]


class _Bounded[V]:
    """The latest used values: no more than `max_entries`, and no more than `max_bytes` by the sizes they came with."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.size = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._held: OrderedDict[_Key, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: _Key) -> V | None:
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: _Key, value: V, size: int) -> None:
        """Nothing is kept of what alone is too big."""
        self._drop(key)
        if size > self._max_bytes:
            return
        self._held[key] = (value, size)
        self.size += size
        while self.size > self._max_bytes or len(self._held) > self._max_entries:
            self._drop(next(iter(self._held)))

    def _drop(self, key: _Key) -> None:
        _, size = self._held.pop(key, (None, 0))
        self.size -= size


class ReasoningMemory:
    """Bounded by entries and bytes, signed and unsigned reasoning each; the least recently used go first.

    `scope` parts what must not meet: pass the conversation key, because some backends count their ids anew ("call_0")
    with every answer. An entry is only restored to a call of the same name and arguments.
    """

    def __init__(self, max_entries: int = 10_000, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._entries = _Bounded[_Entry](max_entries, max_bytes)
        self._texts = _Bounded[str](max_entries, max_bytes)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._entries.size + self._texts.size

    def __len__(self) -> int:
        return len(self._entries) + len(self._texts)

    def remember(self, response: Response, scope: str = "") -> None:
        """Keep the signed thinking of `response`, each block with the call that follows it; of unsigned the text."""
        self._remember_text(response, scope)
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

    def text_of(self, call_id: str, scope: str = "") -> str | None:
        """The unsigned thinking of the answer that made this call; None where there is none to remember."""
        return self._texts.get((scope, call_id))

    def _remember_text(self, response: Response, scope: str) -> None:
        thoughts = [block for block in response.blocks if isinstance(block, Thinking) and block.text]
        calls = [block for block in response.blocks if isinstance(block, ToolCall) and block.kind != "server"]
        if not calls or not thoughts or any(block.signature for block in thoughts):
            return
        # Once is enough: backends want it back on the turn, whose first call tells it.
        if first := next((call.id for call in calls if call.id), None):
            text = PART_BREAK.join(block.text for block in thoughts)
            self._texts.put((scope, first), text, len(text.encode("utf-8", "surrogatepass")))

    def _find(self, key: _Key, call: ToolCall) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None or entry.call.name != call.name or not _same_arguments(entry.call, call):
            return None
        return entry

    def _store(self, key: _Key, call: ToolCall, leading: list[Block], near: list[Block]) -> None:
        size = len(call.arguments) + sum(_size(block) for block in (*leading, *near))
        self._entries.put(key, _Entry(call, tuple(leading), tuple(near)), size)


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
