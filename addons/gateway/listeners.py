"""Makes a plain `mitmdump -s proxycast.py` listen on loopback only: the gateway on 8999, the intercepting proxy on
8080.

mitmproxy reads `mode` and `listen_host` before it loads scripts, but binds the wildcard address only after a
getaddrinfo in a thread. So the pending starts are cancelled in `load`, and the real ones happen at `running`: no
socket is ever bound to an address that the user did not name (mitmproxy sheet, point 1).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import sys
from collections.abc import Generator
from typing import Any

from mitmproxy import ctx, exceptions, optmanager
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.mode_servers import ServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode

from addons.gateway.services import Services

#: An address nobody listens on: what a reverse listener is formally a proxy of.
PLACEHOLDER = "http://127.0.0.1:9"


def given(name: str) -> bool:
    """Set by the user in any way, even to its default value (`has_changed` cannot tell)."""
    return ctx.options._options[name].value is not optmanager.unset


def _specs() -> list[ProxyMode]:
    return [ProxyMode.parse(spec) for spec in ctx.options.mode]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Fatal:
    """Awaits `task` and, if it returns a complaint, ends the process with it as the one line on stderr.

    `sys.exit` inside a task leaves a traceback behind; what awaits the `running` hook is the main task, where it does
    not. On a hot reload nobody awaits this, which is as well: the listeners are there.
    """

    def __init__(self, task: asyncio.Task[str | None]) -> None:
        self._task = task

    def __await__(self) -> Generator[Any, None, None]:
        complaint = yield from self._task.__await__()
        if complaint:
            sys.exit(f"proxycast: {complaint}")


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
        if not ctx.options.server:  # mitmdump -n
            return
        if complaint := self._exposed(self._chosen()) or self._failed():
            sys.exit(f"proxycast: {complaint}")
        if not _is_ip(ctx.options.listen_host):  # else they are bound already, where the user wanted them
            _proxyserver_log.addFilter(_below_error)  # a cancelled start, or a port in use, which is said better below
            _cancel_hostless(_specs())

    def running(self) -> object:  # not `async def`: hot reload calls it synchronously
        return Fatal(asyncio.create_task(self._listen()))

    def _chosen(self) -> list[ProxyMode]:
        """What to serve: the user's modes (`--listen-port N` alone means mitmproxy's default one on N), else ours."""
        if given("mode") or given("listen_port"):
            return _specs()
        settings = self._services.settings()
        modes = [f"reverse:{PLACEHOLDER}@{settings.gateway.port}"]
        if settings.proxy.enabled:
            modes.append(f"regular@{settings.proxy.port}")
        return [ProxyMode.parse(mode) for mode in modes]

    def _failed(self) -> str | None:
        """Which of the listeners that mitmproxy has tried to start could not be, once they are the ones we want."""
        for server in ctx.master.addons.get("proxyserver").servers:
            if not server.is_running and server.last_exception is not None:
                if server.mode in self._chosen():
                    host, port = self._host(server.mode), server.mode.listen_port(ctx.options.listen_port)
                    return f"cannot listen on {host}:{port}: {_reason(server.last_exception)}"
                # mitmproxy's default port with our `--listen-host`: it is not wanted, so its failure is none
                errors = ctx.master.addons.get("errorcheck").logger.has_errored
                errors[:] = [record for record in errors if record.name != _proxyserver_log.name]
        return None

    def _host(self, mode: ProxyMode) -> str:
        """Where a listener of this mode is to be bound."""
        return mode.listen_host(ctx.options.listen_host or self._services.settings().gateway.host)

    def _exposed(self, modes: list[ProxyMode]) -> str | None:
        """Why these modes must not be served: other machines would reach them, and nobody would ask for a key."""
        if self._services.state.keys:
            return None
        for mode in modes:
            if not is_loopback(host := self._host(mode)):
                return (
                    f"refusing to listen on {host}:{mode.listen_port(ctx.options.listen_port)}, where other machines "
                    "can reach it, without a client key: make one with `proxycast keys create NAME`"
                )
        return None

    async def _listen(self) -> str | None:
        """Bind. → what prevented it, in words for the user."""
        if unknown := [name for name in ctx.options.deferred if name.startswith("proxycast")]:
            return f"there is no option {', '.join(unknown)}: ProxyCast's settings are in config.toml"
        if not ctx.options.server:
            return None
        servers = ctx.master.addons.get("proxyserver")
        for spec, server in list(servers.servers._instances.items()):
            if not server.is_running:  # a cancelled one; stopping it would fail
                del servers.servers._instances[spec]
        chosen = self._chosen()
        if complaint := self._exposed(chosen):
            return complaint
        _proxyserver_log.addFilter(_below_error)
        if not ctx.options.listen_host:
            ctx.options.update(listen_host=self._services.settings().gateway.host)
        ctx.options.update(mode=[mode.full_spec for mode in chosen])
        await servers.setup_servers()
        _proxyserver_log.removeFilter(_below_error)
        if complaint := self._failed():
            return complaint
        loopback = ctx.master.addons.get("loopback")
        loopback.open = any(isinstance(m, ReverseMode) and not is_loopback(self._host(m)) for m in chosen)
        return None


_proxyserver_log = logging.getLogger("mitmproxy.addons.proxyserver")


def _below_error(record: logging.LogRecord) -> bool:
    return record.levelno < logging.ERROR


def _reason(error: BaseException | None) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else str(error or "no reason was given")


def _cancel_hostless(specs: list[ProxyMode]) -> None:
    """Cancel the pending starts that would bind the wildcard address; those with a host of their own may be bound
    already, and cancelling them would leak the socket."""
    mixed = any(spec.custom_listen_host for spec in specs)
    for task in asyncio.all_tasks():
        if not mixed and task.get_name() == "setup_servers":
            task.cancel()
        elif mixed:
            frame = getattr(task.get_coro(), "cr_frame", None)
            instance = frame.f_locals.get("self") if frame is not None else None
            if isinstance(instance, ServerInstance) and not instance.mode.custom_listen_host:
                task.cancel()
