"""Ids of an answer's tool calls, unique in the client's conversation.

Some backends count their calls anew in every answer (`call_0`). Claude Code takes a repeated id for a call that was
interrupted and asks again for ever; others attach a result to the wrong call (mapping.md §4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from translators.canonical import ids
from translators.canonical.blocks import Block, ToolCall
from translators.canonical.events import BlockStart, StreamEvent
from translators.canonical.request import Request
from translators.canonical.response import Response


class CallIds:
    """Renames what the history of `request`, or the answer itself, has had before. One object an answer.

    `seed` is the exchange's (`Reply.seed`). The new id is the one that the client returns and that backends see from
    then on, so nothing must be mapped back.
    """

    def __init__(self, request: Request | None, seed: str) -> None:
        self._request = request
        self._seed = seed
        self._taken: set[str] | None = None
        self._count = 0

    def apply(self, events: Iterable[StreamEvent]) -> None:
        """Rename calls in events of a stream, in place."""
        for event in events:
            if isinstance(event, BlockStart) and event.kind == "tool_call" and event.tool_kind != "server":
                event.id = self._unique(event.id)

    def applied(self, response: Response) -> Response:
        """`response`, or a copy with renamed calls."""
        blocks = [self._renamed(block) for block in response.blocks]
        if all(new is old for new, old in zip(blocks, response.blocks, strict=True)):
            return response
        return replace(response, blocks=blocks)

    def _renamed(self, block: Block) -> Block:
        if not isinstance(block, ToolCall) or block.kind == "server":
            return block
        identifier = self._unique(block.id)
        return block if identifier == block.id else replace(block, id=identifier)

    def _unique(self, identifier: str) -> str:
        if self._taken is None:
            self._taken = _used(self._request)
        self._count += 1
        # The client may have got the fitted form, where its protocol is narrower than the backend's.
        if not identifier or identifier in self._taken or ids.fit(identifier) in self._taken:
            identifier = ids.derive(self._seed, "call", self._count, prefix="call_")
        self._taken.add(identifier)
        return identifier


def _used(request: Request | None) -> set[str]:
    turns = request.turns if request is not None else ()
    return {block.id for turn in turns for block in turn.blocks if isinstance(block, ToolCall)}
