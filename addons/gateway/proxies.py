"""HTTP proxies on the way to a credential's service (`proxy_url`), and the passwords that they want."""

from __future__ import annotations

import base64
import functools
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mitmproxy import connection, http
from mitmproxy.net import server_spec
from mitmproxy.net.server_spec import ServerSpec

#: Ways through proxies whose password is remembered; there are as many as credentials with a proxy.
KEPT = 10_000
AUTHORIZATION = "Proxy-Authorization"

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Proxy:
    """`authorization` is the header's value, "" where the proxy wants none."""

    spec: ServerSpec
    authorization: str


@functools.lru_cache(maxsize=256)
def parse(url: str) -> Proxy:
    """`http://user:password@host:port`; user and password may be percent-encoded. Raises ValueError."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    spec = server_spec.parse(parts._replace(netloc=parts.netloc.rpartition("@")[2], path="", query="").geturl(), "http")
    if parts.username is None:
        return Proxy(spec, "")
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(spec, "Basic " + base64.b64encode(pair.encode()).decode("ascii"))


class Proxies:
    """Gives a proxy its password when a tunnel is dug through it: the hook sees both ends, and no exchange.

    Where two credentials reach one host through one proxy by different names, the last one's name counts for new
    tunnels; they share connections anyway."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Address, Address], str] = OrderedDict()

    def route(self, flow: http.HTTPFlow, url: str) -> None:
        """Send the flow's request through the proxy `url`. Raises ValueError."""
        proxy = parse(url)
        server = flow.server_conn
        server.via = proxy.spec
        if not proxy.authorization:
            return
        assert server.address is not None
        key = (proxy.spec[1], (server.address[0], server.address[1]))
        self._known[key] = proxy.authorization
        self._known.move_to_end(key)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)

    def http_connect_upstream(self, flow: http.HTTPFlow) -> None:
        tunnel: connection.Server = flow.server_conn
        if tunnel.address is None:
            return
        key = ((tunnel.address[0], tunnel.address[1]), (flow.request.host, flow.request.port))
        known = self._known.get(key)
        if known is not None:
            flow.request.headers[AUTHORIZATION] = known
