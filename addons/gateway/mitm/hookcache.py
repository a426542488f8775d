"""Looks hook handlers up once, not at every event: the largest saving there is in mitmproxy (its sheet, point 12).

Same order and same error handling as AddonManager.trigger_event, which asks every addon (about forty) for every hook of
every flow. The handlers of a hook are collected once and forgotten whenever an addon comes or goes. A manager that
calls hooks otherwise than we know is left alone (shortcuts.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, exceptions, flow, hooks
from mitmproxy.addonmanager import Loader, safecall
from mitmproxy.hooks import Hook

from addons.gateway.mitm import shortcuts
from addons.gateway.mitm.hookrun import Run


async def run(groups: list[list[Callable[..., Any]]], args: list[Any]) -> None:
    """Call all handlers; an error skips the rest of its group (an addon with those inside it), a halt all."""
    for group in groups:
        try:
            for func in group:
                result = func(*args)
                if result is not None and inspect.isawaitable(result):
                    await result
        except exceptions.AddonHalt:
            return
        except Exception:
            with safecall():  # which logs it
                raise


class HookCache:
    def load(self, loader: Loader) -> None:
        manager: Any = ctx.master.addons
        if "trigger_event" in vars(manager) or not shortcuts.calls_hooks_plainly(type(manager)):
            return  # hot reload, or another mitmproxy
        cache: dict[str, list[list[Callable[..., Any]]]] = {}

        def handlers(event: Hook) -> list[list[Callable[..., Any]]]:
            groups = ([func for _, func in manager._iter_hooks(addon, event)] for addon in manager.chain)
            return [group for group in groups if group]

        def cached(event: Hook) -> list[list[Callable[..., Any]]]:
            groups = cache.get(event.name)
            if groups is None:
                groups = cache[event.name] = handlers(event)
            return groups

        async def trigger_event(event: Hook) -> None:
            if groups := cached(event):
                await run(groups, event.args())

        async def handle_lifecycle(event: Hook) -> None:
            args = event.args()
            await run(cached(event), args)
            if isinstance(args[0], flow.Flow) and (groups := cached(hooks.UpdateHook([args[0]]))):
                await run(groups, [[args[0]]])

        def forgetting(method: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(*args: Any) -> Any:
                cache.clear()
                try:
                    return method(*args)
                finally:
                    cache.clear()

            return wrapper

        manager.trigger_event = trigger_event
        manager.handle_lifecycle = handle_lifecycle
        for name in ("register", "remove", "add", "clear"):
            setattr(manager, name, forgetting(getattr(manager, name)))

    async def proxycast_pending(self, run: Run) -> None:
        """Waits on behalf of a stream for a hook that did not end at once."""
        await run.task
