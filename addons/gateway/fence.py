"""What the intercepting proxy does not connect to: link-local and metadata addresses, and our own ports.

Any local program, and through it a web page, can use a forward proxy as a way to addresses that trust this machine
(field.md §4.3, 3). Who wants a link-local address anyway names it in `[intercept] hosts`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from mitmproxy import connection, ctx, http
from mitmproxy.proxy.mode_specs import RegularMode, Socks5Mode, UpstreamMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from addons.gateway.services import Services

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Where a client names any host; other modes only see what a program would have reached anyway.
FORWARD = (RegularMode, UpstreamMode, Socks5Mode)
#: Metadata services outside the link-local networks: AWS over IPv6, Alibaba, Azure's host.
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")))


class Fence:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        await self._check(flow)

    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.response is None and flow.request.scheme == "http":
            await self._check(flow)

    async def server_connect(self, data: ServerConnectionHookData) -> None:
        """The last gate, for connections that no request announced (SOCKS)."""
        if isinstance(data.client.proxy_mode, FORWARD) and data.server.address and not data.server.via:
            data.server.error = await self._refusal(data.client, *data.server.address[:2]) or data.server.error

    async def _check(self, flow: http.HTTPFlow) -> None:
        if not flow.live or not isinstance(flow.client_conn.proxy_mode, FORWARD):
            return
        refusal = await self._refusal(flow.client_conn, flow.request.host, flow.request.port)
        if refusal is not None:
            flow.response = http.Response.make(403, f"proxycast: {refusal}\n", {"content-type": "text/plain"})

    async def _refusal(self, client: connection.Client, host: str, port: int) -> str | None:
        listed = host in self._services.settings().intercept.hosts
        for address in await _addresses(host):
            if not listed and (address.is_link_local or address in METADATA):
                return f"{host} is a link-local or metadata address; to reach it add it to [intercept] hosts"
            ours = address.is_loopback or address.is_unspecified or str(address) == client.sockname[0]
            if ours and port in self._ports():
                return f"{host}:{port} is ProxyCast itself, which is not served through its proxy"
        return None

    def _ports(self) -> set[int]:
        """Ours: the listeners', Datasette's, and mitmweb's where there is one."""
        ports = {address[1] for address in ctx.master.addons.get("proxyserver").listen_addrs()}
        ports.add(self._services.settings().datasette.port)
        web = getattr(ctx.options, "web_port", None) if "web_port" in ctx.options else None
        return ports | ({web} if isinstance(web, int) else set())


async def _addresses(host: str) -> list[Address]:
    """All that the name stands for; none where it cannot be resolved, which the connection will tell."""
    try:
        return [_plain(ipaddress.ip_address(host.partition("%")[0]))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [_plain(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in found]


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
