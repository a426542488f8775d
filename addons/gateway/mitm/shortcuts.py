"""Whether mitmproxy's insides still are what our shortcuts past them rely on; where they are not, nothing is cut short.

Shortcuts (lean.py, hookcache.py, hookrun.py) only save time. Each asks here before it does anything, so that with a
mitmproxy that works otherwise an exchange goes mitmproxy's own way, slower and as rightly.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from mitmproxy import connection
from mitmproxy.addonmanager import AddonManager
from mitmproxy.proxy import commands, context, events, layer

#: All names that the functions use which we do the work of (mitmproxy 12.2): one that does more uses another.
_CHECK = {"fields", "getattr", "name", "typecheck", "check_option_type", "type"}
_MANAGER = {
    "trigger_event": {"chain", "safecall", "invoke_addon", "exceptions", "AddonHalt"},
    "invoke_addon": {"_iter_hooks", "args", "inspect", "isawaitable"},
    "handle_lifecycle": {"args", "trigger_event", "isinstance", "flow", "Flow", "hooks", "UpdateHook"},
}


def only_checks_types(message: type[Any]) -> bool:
    """Whether the class does nothing after its `__init__` but check its fields' types."""
    return _uses(inspect.getattr_static(message, "__post_init__", None)) == _CHECK


def calls_hooks_plainly(manager: type[AddonManager]) -> bool:
    """Whether it calls hooks as hookcache.py does, and hooks come from `_iter_hooks`."""
    return callable(getattr(manager, "_iter_hooks", None)) and all(
        _uses(inspect.getattr_static(manager, name, None)) == used for name, used in _MANAGER.items()
    )


def pauses_for_hooks(base: type[layer.Layer] = layer.Layer) -> bool:
    """Whether a layer that runs a hook waits for it in the way that hookrun.py relies on: tried out on one."""
    try:
        return _tried(base)
    except Exception:  # whatever the reason, it does not
        return False


def _uses(function: object) -> set[str] | None:
    return set(function.__code__.co_names) if isinstance(function, FunctionType) else None


@dataclass
class _TrialHook(commands.StartHook):
    name = "proxycast_trial"


def _tried(base: type[layer.Layer]) -> bool:
    hook = _TrialHook()  # type: ignore[no-untyped-call]
    done: list[str] = []

    class Trial(base):  # type: ignore[valid-type,misc]
        def _handle_event(self, event: events.Event) -> Generator[commands.Command, Any, None]:
            yield hook
            done.append(type(event).__name__)

    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)
    trial = Trial(context.Context(client, None))  # type: ignore[arg-type] # of its options none is needed
    if list(trial.handle_event(events.Start())) != [hook] or trial._paused.command is not hook or done:
        return False
    return not list(trial.handle_event(events.HookCompleted(hook))) and trial._paused is None and done == ["Start"]
