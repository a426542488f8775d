"""Keeps mitmweb and the console from growing for ever: they hold every flow and have no option against it (its
sheet, 11)."""

from __future__ import annotations

from collections import deque

from mitmproxy import ctx, http

KEEP = 500


class WebFlows:
    """Drops the oldest ended flows beyond KEEP from the view; marked ones stay. mitmdump has no view."""

    def __init__(self) -> None:
        self._ended: deque[http.HTTPFlow] = deque()

    def response(self, flow: http.HTTPFlow) -> None:
        if "view" not in ctx.master.addons.lookup:
            return
        self._ended.append(flow)
        while len(self._ended) > KEEP:
            oldest = self._ended.popleft()
            if not oldest.marked:
                ctx.master.commands.call("view.flows.remove", [oldest])

    error = response
