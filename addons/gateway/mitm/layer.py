"""mitmproxy's HTTP layer with our streams in it, and the one ticker that looks after their deadlines.

Facts: the mitmproxy sheet, "Traps first" and point 3. A timer of mitmproxy's own cannot be cancelled and would keep
every finished flow in memory until it fires; so one task looks at the streams under way and tells those that are late.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
from collections.abc import Callable, Generator
from typing import Any

from mitmproxy import connection, ctx
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.config.settings import Settings
from addons.gateway.mitm.stream import GatewayStream
from addons.gateway.mitm.stream_events import Tick
from addons.gateway.upkeep.background import Background

Commands = Generator[commands.Command, Any, None]
INTERVAL = 0.25  # seconds between two looks at the deadlines
JOINED = 64 << 10  # bytes; larger pieces are not worth the copy
UPSTREAMS = 100  # connections to one upstream address for one client connection (mitmproxy's own limit is 5)


class GatewayLayer(HttpLayer):
    """Takes over an HttpLayer in place (`SwapLayer`), so there is no `__init__` of its own."""

    settings: Callable[[], Settings]

    @property
    def attempt_ids(self) -> itertools.count[int]:
        """Negative stream ids, never used by a client."""
        counter: itertools.count[int] = self.__dict__.setdefault("_attempt_ids", itertools.count(-1, -1))
        return counter

    @property
    def is_gateway(self) -> bool:
        """On a `reverse:` listener, where nothing but our own attempts may go upstream."""
        return isinstance(self.context.client.proxy_mode, ReverseMode)

    def _handle_event(self, event: events.Event) -> Commands:
        yield from joined(super()._handle_event(event) if not isinstance(event, Tick) else self._tick(event))

    def _tick(self, event: Tick) -> Commands:
        if event.stream.layer is self:
            if event.stream.stream_id in self.streams:
                yield from self.event_to_child(event.stream, event)
        else:  # for a stream inside one of our CONNECT tunnels
            for stream in list(self.streams.values()):
                if stream.child_layer is not None:
                    yield from self.event_to_child(stream, event)

    def make_stream(self, stream_id: int) -> Commands:
        stream = self.streams[stream_id] = GatewayStream(self.context.fork(), stream_id)
        yield from self.event_to_child(stream, events.Start())

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> Commands:
        """A failed connect is remembered for as long as the client connection lives; a gateway must not."""
        for server in [c for c in self.connections if isinstance(c, connection.Server) and c.error]:
            del self.connections[server]
        yield from super().get_connection(event, reuse=reuse)


def joined(handler: Commands) -> Commands:
    """Lets what goes to one connection at one time, such as head and body, leave in one write: each is a system
    call and often a packet."""
    held: commands.SendData | None = None
    for command in handler:
        if isinstance(command, commands.SendData):
            if held is None:
                held = command
            elif held.connection is command.connection and len(held.data) + len(command.data) <= JOINED:
                held.data += command.data
            else:
                yield held
                held = command
            continue
        if held is not None:  # before anything else happens, so that nothing changes its place
            yield held
            held = None
        yield command
    if held is not None:
        yield held


class SwapLayer:
    """Puts GatewayLayer in the place of each HttpLayer. Added at `running`: it must come after mitmproxy's own
    next_layer."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        GatewayLayer.settings = staticmethod(settings)

    def next_layer(self, nextlayer: Any) -> None:
        layer = nextlayer.layer
        while layer is not None:  # TLS layers carry the HTTP layer as their child
            if type(layer) is HttpLayer:
                layer.__class__ = GatewayLayer
            layer = getattr(layer, "child_layer", None)


class Upstreams:
    """Lets one client connection have many upstream connections: agents run requests in parallel over HTTP/2."""

    def client_connected(self, client: connection.Client) -> None:
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
        if handler is not None:
            handler.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(UPSTREAMS))

    def client_disconnected(self, client: connection.Client) -> None:
        """Close what mitmproxy leaves open: its connection task, cancelled while it waits to report an end, ends
        before it closes its socket, and the peer waits for ever."""
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
        if handler is None:
            return
        left = [(peer, io) for peer, io in handler.transports.items() if io.handler is None or io.handler.done()]
        for peer, io in left:
            del handler.transports[peer]
            if io.writer is not None:
                io.writer.close()


class Ticker:
    """Tells streams whose deadline has passed, and adds SwapLayer once all other addons are there."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._background = Background(self._tick)

    def running(self) -> None:
        if "swaplayer" not in ctx.master.addons.lookup:
            ctx.master.addons.add(SwapLayer(self._settings))
        self._background.start()

    def done(self) -> None:
        if not ctx.master.should_exit.is_set():
            self._background.stop()

    async def _tick(self) -> None:
        handlers = ctx.master.addons.get("proxyserver").connections
        while True:
            await asyncio.sleep(INTERVAL)
            for stream in GatewayStream.late():
                handler = handlers.get(stream.context.client.id)
                if handler is None:
                    stream.clock.stop()
                else:
                    await handler.server_event(Tick(stream))
