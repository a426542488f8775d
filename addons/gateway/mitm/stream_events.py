"""What a stream of the gateway does with events and commands before they mean anything: ids, hooks, ticks, faults.

The base of stream.py. An attempt has a stream id of its own, most hooks run where they occur, a deadline is told
even while the stream is paused, and no exception may leave the client hanging (mitmproxy sheet, "Traps first",
points 3 and 6)."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import (
    DropStream,
    HttpStream,
    RequestHeaders,
    RequestProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import HttpEvent

from addons.gateway import exchange as exchanges
from addons.gateway.answers import failures
from addons.gateway.exchange import Exchange, Failure
from addons.gateway.mitm import hookrun
from addons.gateway.mitm.clock import Clock
from addons.gateway.mitm.hookrun import AT_ONCE, HookPending

if TYPE_CHECKING:
    from addons.gateway.mitm.layer import GatewayLayer

Commands = Generator[commands.Command, Any, None]
log = logging.getLogger(__name__)


@dataclass
class AttemptHook(commands.StartHook):
    """An attempt failed: dispatch makes `flow.request` the next one, or sets `flow.response` to say that there is
    none. Not run where it occurs: the failed attempt's connection must come to rest first."""

    name = "proxycast_attempt"
    flow: http.HTTPFlow


@dataclass
class Tick(events.Event):
    """A deadline of `stream` has passed."""

    stream: EventStream


class EventStream(HttpStream):
    """`attempt_id` is the stream id under which the current attempt talks to its upstream, fresh for each attempt:
    HTTP/2 cannot open a stream twice, and what an abandoned attempt still says must find nobody."""

    _under_way: ClassVar[dict[int, EventStream]] = {}

    def __init__(self, context: Any, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.layer: GatewayLayer = context.layers[-2]
        self.attempt_id = stream_id
        self.connecting = False
        self.clock = Clock()

    @classmethod
    def late(cls) -> list[EventStream]:
        """Streams with a deadline that has passed."""
        now = time.monotonic()
        return [s for s in cls._under_way.values() if s.clock.due and min(s.clock.due.values()) <= now]

    @property
    def driven(self) -> Exchange | None:
        """The exchange, if this stream is ours to drive: not a foreign flow, nor one that is only observed."""
        flow = getattr(self, "flow", None)
        exchange = exchanges.of(flow) if flow is not None else None
        return None if exchange is None or exchange.observed else exchange

    # -- events and commands

    def handle_event(self, event: events.Event) -> Commands:
        """Rewrites stream ids per attempt, runs hooks; takes a Tick even while a hook or a connect is pending."""
        if isinstance(event, Tick) and event.stream is self:
            if self.child_layer is not None:
                return  # upgraded to a WebSocket
            handler = self.on_tick_while_paused() if self._paused else super().handle_event(event)
        elif isinstance(event, events.HookCompleted) and isinstance(event.command, HookPending):
            handler = super().handle_event(events.HookCompleted(event.command.run.hook))
        else:
            handler = super().handle_event(event)
        while True:
            over: commands.StartHook | None = None
            for command in handler:
                if isinstance(command, SendHttp):
                    to_client = command.connection is self.context.client
                    command.event.stream_id = self.stream_id if to_client else self.attempt_id
                    if isinstance(command.event, RequestHeaders) and (exchange := self.driven) and exchange.outgoing:
                        command.event.request = exchange.outgoing
                elif isinstance(command, DropStream):
                    self.drop_alias()
                    self.clock.stop()
                    self._under_way.pop(id(self), None)
                elif isinstance(command, AT_ONCE) and self.child_layer is None:
                    waits_for = hookrun.start(command, self.context.client)
                    if waits_for is None:
                        over = command  # we are paused for it, so this was the handler's last word
                        continue
                    waits_for.blocking = command.blocking
                    command = waits_for
                yield command
            if over is None:
                return
            handler = super().handle_event(events.HookCompleted(over))

    def _handle_event(self, event: events.Event) -> Commands:
        """An exception in here would leave the client hanging: nobody would answer it any more."""
        try:
            if isinstance(event, Tick):
                yield from self.on_tick()
            elif isinstance(event, HttpEvent) and event.stream_id not in (self.attempt_id, self.stream_id):
                return  # queued while we were paused, said by an attempt that is over
            else:
                yield from super()._handle_event(event)
        except Exception as error:
            exchange = self.driven
            if exchange is None:
                raise
            log.exception("proxycast: internal error")
            if self.server_state not in (self.state_done, self.state_errored):
                yield from self.abandon()
                yield from self.give_up(exchange, failures.internal(error))

    def client_gone(self) -> bool:
        return not self.context.client.connected or any(
            isinstance(event, RequestProtocolError) for event in self._paused_event_queue
        )

    def drop_alias(self) -> None:
        """The current attempt, if any, is heard no more."""
        if self.attempt_id != self.stream_id:
            self.layer.streams.pop(self.attempt_id, None)
            self.attempt_id = self.stream_id

    # -- what stream.py does

    @abstractmethod
    def abandon(self) -> Commands:
        """Close or reset the current attempt, if it is under way."""

    @abstractmethod
    def give_up(self, exchange: Exchange, failure: Failure) -> Commands:
        """Tell the client that there is no answer."""

    @abstractmethod
    def on_tick(self) -> Commands:
        """A deadline has passed."""

    @abstractmethod
    def on_tick_while_paused(self) -> Commands:
        """The same while a hook or a connect is pending: nothing may block."""
