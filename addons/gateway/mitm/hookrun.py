"""Runs the hooks of a stream where they occur, instead of by a task, a lock and two turns of the event loop each.

mitmproxy starts a task for every hook and tells the layers later that it is over. Most hooks end without waiting for
anything; those are over before the stream goes on, which saves a good part of a small exchange's time. One that does
wait, or a flow that mitmweb holds back, goes on as mitmproxy has it: the stream is paused, and `HookPending` stands for
the hook.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mitmproxy import connection, ctx
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import (
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)

from addons.gateway.mitm import shortcuts

#: Hooks that run where they occur; none, where layers of this mitmproxy wait for hooks otherwise than we know.
AT_ONCE: tuple[type[commands.StartHook], ...] = (
    (HttpRequestHeadersHook, HttpRequestHook, HttpResponseHeadersHook, HttpResponseHook)
    if shortcuts.pauses_for_hooks()
    else ()
)


@dataclass(slots=True)
class Run:
    """A hook that is being run."""

    hook: commands.StartHook
    task: asyncio.Task[None]


@dataclass
class HookPending(commands.StartHook):
    """Completed when the hook of `run` is: hookcache.py waits for it."""

    name = "proxycast_pending"
    run: Run


def start(hook: commands.StartHook, client: connection.Client) -> commands.StartHook | None:
    """Run `hook` with all that mitmproxy does around it → None when it is over, else what is to be waited for."""
    handler = getattr(ctx.master.addons.get("proxyserver"), "connections", {}).get(client.id)
    if handler is None:
        return hook  # the client has just gone, or it is a replay: left to mitmproxy
    task = asyncio.create_task(handler.handle_hook(hook))  # mitmproxy's loop starts tasks at once
    if not task.done():
        return HookPending(Run(hook, task))
    task.result()
    return None
