"""Tool calls and their results brought together as the strictest backend wants them (mapping.md §4 Ids, §6).

Afterwards every call has an id of its own that the backend takes, and one result; the results of an assistant turn
stand at the head of the one user turn behind it, in the order of the calls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from translators.canonical import ids
from translators.canonical.blocks import Block, Text, ToolCall, ToolResult
from translators.canonical.repair.notes import Notes
from translators.canonical.request import Role, Turn
from translators.canonical.target import Target

#: The result of a call that never got one: the user broke off.
INTERRUPTED = "(no result: interrupted)"

#: Protocols whose results do not repeat the name of the call.
_NAMELESS_RESULTS = frozenset({"anthropic", "openai_chat", "openai_responses"})


@dataclass(slots=True, eq=False)
class _Call:
    """A call of the history, its result once that was met."""

    block: ToolCall
    new_id: str
    result: ToolResult | None = None


@dataclass(slots=True)
class _Turn:
    """A turn without its results, and the calls it made."""

    turn: Turn
    calls: list[_Call]


def with_results_paired(turns: list[Turn], target: Target, notes: Notes) -> list[Turn]:
    """`turns` have merged neighbours. A user turn of which nothing is left is dropped."""
    return _assembled(_matched(turns, target, notes), target, notes)


def _matched(turns: list[Turn], target: Target, notes: Notes) -> list[_Turn]:
    """Takes the results out of their turns and hands each to the first unanswered call of its id."""
    calls: dict[str, list[_Call]] = {}
    out: list[_Turn] = []
    for turn in turns:
        blocks: list[Block] = []
        made: list[_Call] = []
        for block in turn.blocks:
            if isinstance(block, ToolCall) and turn.role is not Role.ASSISTANT:
                notes.add("A tool call outside of the assistant's turns became text.")
                blocks.append(Text(f"[tool call {block.name}] {block.arguments}"))
            elif isinstance(block, ToolCall) and block.kind != "server":
                known = calls.setdefault(block.id, [])
                if any(call.result is None and _is_same(call.block, block) for call in known):
                    notes.add("A repeated tool call was dropped.")
                    continue
                call = _Call(block, _new_id(block.id, len(known), target))
                known.append(call)
                made.append(call)
                blocks.append(block if block.id == call.new_id else replace(block, id=call.new_id))
            elif isinstance(block, ToolResult) and block.kind != "server":
                known = calls.get(block.id, [])
                waiting = next((call for call in known if call.result is None), None)
                if waiting is not None:
                    waiting.result = block
                elif known:
                    notes.add("A second result of the same tool call was dropped.")
                else:
                    notes.add("A tool result without its call became text.")
                    blocks.extend(_as_text(block))
            else:
                blocks.append(block)
        if blocks or not turn.blocks:
            out.append(_Turn(Turn(turn.role, blocks), made))
    return out


def _assembled(turns: list[_Turn], target: Target, notes: Notes) -> list[Turn]:
    out: list[Turn] = []
    for position, item in enumerate(turns):
        out.append(item.turn)
        at_end = position == len(turns) - 1
        if not item.calls or (at_end and not any(call.result for call in item.calls)):
            continue
        out.append(Turn(Role.USER, [_result(call, target, notes) for call in item.calls]))
    return out


def _result(call: _Call, target: Target, notes: Notes) -> Block:
    name = None if target.protocol in _NAMELESS_RESULTS else call.block.name
    if call.result is None:
        notes.add("A tool call without a result was answered as interrupted.")
        return ToolResult(call.new_id, [Text(INTERRUPTED)], is_error=True, name=name, kind=call.block.kind)
    result, name, kind = call.result, name or call.result.name, call.block.kind
    if (result.id, result.name, result.kind) == (call.new_id, name, kind):
        return result
    return replace(result, id=call.new_id, name=name, kind=kind)


def _is_same(one: ToolCall, other: ToolCall) -> bool:
    return (one.name, one.namespace, one.arguments) == (other.name, other.namespace, other.arguments)


def _new_id(identifier: str, earlier: int, target: Target) -> str:
    """Some backends count anew with every answer: the later calls of an id get one made up from their number."""
    if earlier:
        return ids.derive(identifier, earlier, prefix="call_")
    return ids.fit(identifier, target.tool_id_limit)


def _as_text(result: ToolResult) -> list[Block]:
    """The result as user text, so that nothing is lost; media follow it as they are."""
    head = f"[result of earlier tool call {result.id}]" + (" Error:" if result.is_error else "")
    texts = [block.text for block in result.blocks if isinstance(block, Text)]
    return [Text(" ".join([head, *texts])), *(block for block in result.blocks if not isinstance(block, Text))]
