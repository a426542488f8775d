"""Makes a plain `mitmdump -s proxycast.py` listen on loopback only: the gateway on 8999, the intercepting proxy on
8080.

mitmproxy reads `mode` and `listen_host` before it loads scripts, but binds the wildcard address only after a
getaddrinfo in a thread. So the pending start is cancelled in `load`, and the real one happens at `running`: no
socket is ever bound to another address (mitmproxy sheet, point 1).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import sys
from typing import Any

from mitmproxy import ctx, exceptions, optmanager
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode

from addons.gateway.services import Services

#: An address nobody listens on: what a reverse listener is formally a proxy of.
PLACEHOLDER = "http://127.0.0.1:9"


def given(name: str) -> bool:
    """Set by the user in any way, even to its default value (`has_changed` cannot tell)."""
    return ctx.options._options[name].value is not optmanager.unset


def _specs() -> list[ProxyMode]:
    return [ProxyMode.parse(spec) for spec in ctx.options.mode]


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Listeners:
    def __init__(self, services: Services) -> None:
        self._services = services

    def load(self, loader: Loader) -> None:
        # eager would dial the placeholder for every client; Host must stay as the client sent it, to be checked
        ctx.options.update(connection_strategy="lazy", keep_host_header=True)
        try:
            ctx.options.process_deferred()  # else a bad --set unloads us without a word
        except exceptions.OptionsError as error:
            sys.exit(f"proxycast: {error}")
        if ctx.options.listen_host or any(mode.custom_listen_host for mode in _specs()):
            return  # chosen by the user; already bound if it is an IP address, so hands off
        for task in asyncio.all_tasks():
            if task.get_name() == "setup_servers":
                task.cancel()

    def running(self) -> object:  # not `async def`: hot reload calls it synchronously
        return asyncio.create_task(self._listen())

    def _modes(self) -> list[str]:
        settings = self._services.settings()
        modes = [f"reverse:{PLACEHOLDER}@{settings.gateway.port}"]
        if settings.proxy.enabled:
            modes.append(f"regular@{settings.proxy.port}")
        return modes

    async def _listen(self) -> None:
        if not ctx.options.server:  # mitmdump -n
            return
        servers = ctx.master.addons.get("proxyserver")
        for spec, server in list(servers.servers._instances.items()):
            if not server.is_running:  # the cancelled one; stopping it would fail
                del servers.servers._instances[spec]
        if not ctx.options.listen_host:
            ctx.options.update(listen_host=self._services.settings().gateway.host)
        log = logging.getLogger("mitmproxy.addons.proxyserver")
        log.addFilter(_below_error)  # a port in use is said better below
        if not (given("mode") or given("listen_port")):
            ctx.options.update(mode=self._modes())
        await servers.setup_servers()
        log.removeFilter(_below_error)
        for server in servers.servers:
            self._check(server)

    def _check(self, server: Any) -> None:
        host = server.mode.listen_host(ctx.options.listen_host)
        port = server.mode.listen_port(ctx.options.listen_port)
        if not server.is_running:
            why = os.strerror(getattr(server.last_exception, "errno", None) or 0)
            sys.exit(f"proxycast: cannot listen on {host}:{port}: {why}")
        if is_loopback(host):
            return
        if not self._services.state.keys:
            sys.exit(
                f"proxycast: refusing to listen on {host}:{port}, where other machines can reach it, without a client "
                "key: make one with `proxycast keys create NAME`"
            )
        if isinstance(server.mode, ReverseMode):
            loopback = ctx.master.addons.get("loopback")
            loopback.open = True


def _below_error(record: logging.LogRecord) -> bool:
    return record.levelno < logging.ERROR
