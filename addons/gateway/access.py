"""Who may use the gateway: a client key, a Host that is ours, no web page that was not invited (design.md, decisions
9, 10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.audit.record import Origin, Side
from addons.config.settings import Settings
from addons.gateway import codings, recognise, shown
from addons.gateway import exchange as exchanges
from addons.gateway import headers as header_rules
from addons.gateway.answers import own_answers
from addons.gateway.exchange import Exchange
from addons.gateway.route import client_of
from addons.gateway.services import Services
from translators.canonical.errors import ErrorInfo, ErrorKind

LOOPBACK_NAMES = frozenset(("127.0.0.1", "localhost", "::1"))
#: Paths that tell nothing and are asked before a client has a key.
OPEN_PATHS = frozenset(("/", "/health", "/api/hello"))
_CORS = {
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-headers": "*, Authorization, Content-Type, X-Api-Key, X-Goog-Api-Key, Anthropic-Version",
    "access-control-max-age": "600",
}


def all_presented(headers: Mapping[str, str], query: list[tuple[str, str]]) -> list[str]:
    """Every key a client shows, each once; ours first: a login may have taken the usual headers (decision 9)."""
    bearer = headers.get("authorization", "")
    shown = [headers.get(name, "") for name in ("x-proxycast-key", "x-api-key", "x-goog-api-key", "api-key")]
    shown += [bearer[7:].strip() if bearer[:7].lower() == "bearer " else ""]
    shown += [value for name, value in query if name == "key"]
    return list(dict.fromkeys(key for key in shown if key))


def host_allowed(host: str, settings: Settings, local: str = "") -> bool:
    """Whether a Host header names this gateway: loopback, the configured address or names, or the address that the
    client really reached (`local`). A rebound DNS name is none."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name != "" and (name in LOOPBACK_NAMES or name in (settings.gateway.host, local, *settings.access.hosts))


def origin_allowed(origin: str, settings: Settings) -> bool:
    return "*" in settings.access.origins or origin in settings.access.origins


class Loopback:
    """Refuses connections from other machines, however the listener was bound, unless the user bound the gateway to
    another address. The intercepting proxy asks for no key and is for this machine alone (decision 9)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.open = False  # set by listeners.py when the user bound to another address on purpose

    def client_connected(self, client: object) -> None:
        peer = getattr(client, "peername", None)
        if not peer or (self.open and isinstance(getattr(client, "proxy_mode", None), ReverseMode)):
            return
        try:
            local = ipaddress.ip_address(str(peer[0]).split("%")[0])
        except ValueError:
            return
        mapped = getattr(local, "ipv4_mapped", None)
        if not (mapped or local).is_loopback:
            client.error = "connections from other machines are refused"  # type: ignore[attr-defined]


def keep_manners(exchange: Exchange, request: http.Request) -> None:
    """Note what the client can take: its headers will be replaced by those of an attempt, but the answer is for it."""
    exchange.http10 = request.http_version == "HTTP/1.0"
    if exchange.http10 or (
        not request.is_http2 and "close" in header_rules.connection_names(exchange.client_request.headers)
    ):
        exchange.added.append(("connection", "close"))


class Access:
    """Attaches an Exchange to every gateway request and refuses those that may not pass."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not flow.live or not isinstance(flow.client_conn.proxy_mode, ReverseMode):
            return
        request = flow.request
        exchange = Exchange(Origin.GATEWAY, id=exchanges.id_of(flow))
        exchanges.attach(flow, exchange)
        exchange.method = request.method
        path, _, query = request.path.partition("?")
        exchange.path, exchange.query = path, query
        # mitmproxy logs this one
        request.path = self._services.redactor.text(f"{path}?{left}" if (left := without_key(query, "")) else path)
        fields = list(request.headers.items(multi=True))
        exchange.headers = header_rules.folded(fields)
        exchange.client = client_of(exchange.headers.get("user-agent", ""))
        exchange.client_request = Side(fields)
        shown.hide(request)
        keep_manners(exchange, request)
        exchange.client_addr = str(flow.client_conn.peername[0]) if flow.client_conn.peername else ""
        exchange.recognised = recognise.recognise(request.method, path, query, exchange.headers)
        if exchange.recognised is not None:
            exchange.protocol = exchange.output = exchange.recognised.protocol
            exchange.operation = exchange.recognised.operation

    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or exchange.origin is not Origin.GATEWAY or flow.response is not None:
            return
        settings = self._services.settings()
        refusal = self._refusal(flow, exchange, settings)
        if refusal is not None:
            exchange.rejected = True
            flow.response = own_answers.refusal(flow, refusal)
        elif flow.request.method == "OPTIONS":
            exchange.rejected = exchange.answered = True
            flow.response = http.Response.make(204, b"", dict(_CORS))

    def response(self, flow: http.HTTPFlow) -> None:
        """A whole answer gets its last headers before it is sent; a stream's head has them (own_answers.head)."""
        exchange = exchanges.of(flow)
        if exchange is None or exchange.head_sent or flow.response is None:
            return
        for name, value in exchange.added:
            flow.response.headers[name] = value

    def error(self, flow: http.HTTPFlow) -> None:
        """A request that broke off, or was none that mitmproxy reads on, never came to `request`."""
        exchange = exchanges.of(flow)
        if exchange is None or exchange.origin is not Origin.GATEWAY or flow.error is None:
            return
        if exchange.key is None and exchange.error is None and not exchange.answered:
            exchange.rejected = True
            text = f"the request did not arrive whole: {flow.error.msg}"
            exchange.error = ErrorInfo(ErrorKind.INVALID_REQUEST, text)

    def _refusal(self, flow: http.HTTPFlow, exchange: Exchange, settings: Settings) -> ErrorInfo | None:
        headers = exchange.headers
        sockname = flow.client_conn.sockname
        local = str(sockname[0]) if sockname else ""
        # both, where a request names the host twice: HTTP/2 has no Host header, and a request line may have a host
        for host in (exchange.headers.get("host"), flow.request.authority or None):
            if host is not None and not host_allowed(host, settings, local):
                return ErrorInfo(
                    ErrorKind.PERMISSION,
                    f"the Host {host!r} is not this gateway; if it is meant to be, add it to [access] hosts in "
                    "config.toml",
                )
        origin = headers.get("origin")
        if origin and not origin_allowed(origin, settings):
            return ErrorInfo(
                ErrorKind.PERMISSION,
                f"the web origin {origin!r} is not allowed; allow it with `proxycast origins allow {origin}`",
            )
        if origin:
            exchange.added += [("access-control-allow-origin", origin), ("vary", "Origin")]
        elif headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
            return ErrorInfo(ErrorKind.PERMISSION, "requests from other web sites are not allowed")
        if flow.request.method == "OPTIONS" or exchange.path in OPEN_PATHS or flow.request.method == "HEAD":
            return None
        presented = all_presented(headers, parse_qsl(exchange.query) if exchange.query else [])
        for key in presented:
            found = self._services.state.find_key(key)
            if found is not None:
                exchange.key = found
                exchange.query = without_key(exchange.query, key)
                return self._body(flow, exchange, settings)
        if presented:
            text = "this client key is not known to the gateway: `proxycast keys create NAME` makes one"
        else:
            text = (
                "a client key is needed (Authorization: Bearer, x-api-key, x-goog-api-key or x-proxycast-key): "
                "`proxycast keys create NAME` makes one"
            )
        return ErrorInfo(ErrorKind.AUTHENTICATION, text)

    @staticmethod
    def _body(flow: http.HTTPFlow, exchange: Exchange, settings: Settings) -> ErrorInfo | None:
        """Take the body over, without its content coding."""
        coding = flow.request.headers.get("content-encoding", "")
        limit = settings.gateway.max_body
        try:
            exchange.body = codings.decode(coding, flow.request.raw_content or b"", limit)
        except codings.TooLargeError:
            return ErrorInfo(ErrorKind.TOO_LARGE, f"the request body is larger than {limit} bytes when decoded")
        except codings.CodingError as error:
            return ErrorInfo(ErrorKind.INVALID_REQUEST, str(error))
        exchange.client_request.body = exchange.body
        return None


#: Query parameters that carry a client's credential: none is forwarded.
CREDENTIAL_PARAMETERS = frozenset(("key", "api_key", "api-key", "access_token"))


def without_key(query: str, key: str) -> str:
    """The query without the client's credentials, whatever they are called; the rest as it was written."""
    if not query:
        return query
    parts = query.split("&")
    kept = [part for part in parts if not _is_credential(part, key)]
    return query if len(kept) == len(parts) else "&".join(kept)


def _is_credential(part: str, key: str) -> bool:
    name, _, value = part.partition("=")
    return unquote_plus(name).lower() in CREDENTIAL_PARAMETERS or (key != "" and unquote_plus(value) == key)
