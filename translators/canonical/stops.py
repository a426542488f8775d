"""Why an answer ended: the reason follows the blocks, whatever the backend said (mapping.md §3, Stop reasons).

Backends report `stop` beside tool calls and `tool_calls` beside none; a client that believes them stalls for days
(field.md case 5).
"""

from __future__ import annotations

from translators.canonical.events import StopReason

#: Reasons that stand although a call was made: the answer is cut or withdrawn, so its last call may be half of one.
_STRONGER_THAN_CALLS = frozenset({StopReason.LENGTH, StopReason.CONTEXT_FULL, StopReason.REFUSAL})


def settle(reason: StopReason | None, saw_tool_call: bool, saw_content: bool) -> StopReason | None:
    """The true reason, given the backend's (None: it gave none) and what the answer holds.

    `saw_tool_call` counts calls that the client must execute, not the backend's own. None means that nothing came at
    all: an Error, not an answer.
    """
    if saw_tool_call:
        return reason if reason in _STRONGER_THAN_CALLS else StopReason.TOOL_USE
    if reason is StopReason.TOOL_USE:
        return StopReason.END
    if reason is None:
        return StopReason.END if saw_content else None
    return reason
