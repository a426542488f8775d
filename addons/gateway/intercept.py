"""The intercepting proxy: decrypts and records the inference hosts of known APIs, routes them by rule, leaves all
others alone.

Only inference hosts are decrypted, never login or token hosts (design.md, decision 9); everything else passes as it
came."""

from __future__ import annotations

import fnmatch
import functools
import time
from urllib.parse import urlsplit

from mitmproxy import http, tls
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.audit.record import Origin, Side
from addons.gateway import codings, recognise
from addons.gateway import exchange as exchanges
from addons.gateway.answers import books, respond, whole_answers
from addons.gateway.exchange import Attempt, Cause, Exchange, Failure
from addons.gateway.route import client_of, conversation_of, session_of
from addons.gateway.services import Services
from addons.pool.candidates import Candidate
from addons.providers.api import Operation
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.names import NameMap
from translators.pipeline import AnswerPipe


class Intercept:
    name = "proxycast_intercept"  # mitmweb has an addon called intercept

    def __init__(self, services: Services) -> None:
        self._services = services

    def hosts(self) -> frozenset[str]:
        """The hosts to decrypt: those of our own providers, unless they are this machine, and those the user added. A
        plugin cannot name one."""
        found = {_public_host(provider.manifest.base_url) for provider in self._services.providers.own()}
        return frozenset(found - {""}).union(self._services.settings().intercept.hosts)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        context = data.context
        if isinstance(context.client.proxy_mode, ReverseMode):
            return
        address = context.server.address
        name = data.client_hello.sni or (address[0] if address else "")
        if name not in self.hosts():
            data.ignore_connection = True

    def request(self, flow: http.HTTPFlow) -> None:
        if not flow.live or isinstance(flow.client_conn.proxy_mode, ReverseMode) or flow.response is not None:
            return
        request = flow.request
        if request.pretty_host not in self.hosts():
            return
        path, _, query = request.path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        upgrading = headers.get("upgrade", "").lower() == "websocket"
        recognised = recognise.at_another_host("POST" if upgrading else request.method, path, query, headers)
        if recognised is None or recognised.operation not in (Operation.GENERATE, Operation.COUNT_TOKENS):
            return
        if upgrading:
            # Only 426 makes Codex fall back to HTTP at once (field.md, case 98); other WebSockets pass.
            flow.response = http.Response.make(426, b"{}", {"upgrade": "HTTP/1.1", "connection": "upgrade"})
            return
        if request.method == "POST":
            self._attach(flow, recognised, path, query, headers)

    def _attach(
        self,
        flow: http.HTTPFlow,
        recognised: recognise.Recognised,
        path: str,
        query: str,
        headers: dict[str, str],
    ) -> None:
        exchange = exchange_of_capture(flow, recognised, path, query, headers)
        profile = next(
            (
                rule.profile
                for rule in self._services.settings().intercept.rules
                if fnmatch.fnmatchcase(flow.request.pretty_host, rule.host)
            ),
            None,
        )
        if profile is not None:
            exchange.origin = Origin.ROUTED
            exchange.profile_name = profile
        else:
            observe(exchange, flow, self._services)
        exchanges.attach(flow, exchange)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """An observed stream passes as it comes; a decoder listens."""
        exchange = exchanges.of(flow)
        if exchange is None or not exchange.observed or exchange.current is None or not flow.live:
            return
        response, attempt = flow.response, exchange.current
        assert response is not None
        attempt.status, attempt.first_byte = response.status_code, time.time()
        if "event-stream" in response.headers.get("content-type", "") and response.status_code == 200:
            response.stream = _Tap(exchange, attempt, response.headers.get("content-encoding", ""))

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or not exchange.observed or exchange.current is None:
            return
        if exchange.current.cause is None:  # else it failed on its way to the host, and the answer is ours
            finish_observed(exchange, exchange.current, flow)

    def error(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is not None and exchange.observed and exchange.current is not None:
            books.hung_up(exchange)


@functools.cache
def _public_host(base_url: str) -> str:
    """The host of a service that is reached over TLS; "" for one on this machine (a local model)."""
    parts = urlsplit(base_url)
    return (parts.hostname or "") if parts.scheme == "https" else ""


class _Tap:
    """A stream callable: the bytes go on untouched, a copy is decoded and kept."""

    def __init__(self, exchange: Exchange, attempt: Attempt, coding: str) -> None:
        self._exchange, self._attempt = exchange, attempt
        decoder = registry.get(attempt.protocol).stream_decoder(attempt.names)
        self._pipe = AnswerPipe.tapping(decoder)
        attempt.pipe = self._pipe
        try:
            attempt.decoding = codings.Decoding(coding, 1 << 40) if codings.names(coding) else None
        except codings.CodingError:
            self._pipe.finished = True

    def __call__(self, data: bytes) -> bytes:
        if not data:
            self._pipe.end()
            return data
        plain = respond.receive(self._attempt, data)
        if plain is not None:
            self._pipe.feed(plain)
            if self._exchange.delivery.first_content is None and self._pipe.content_seen:
                self._exchange.delivery.first_content = time.time()
            self._exchange.delivery.add(plain, time.time())
        return data


def exchange_of_capture(
    flow: http.HTTPFlow, recognised: recognise.Recognised, path: str, query: str, headers: dict[str, str]
) -> Exchange:
    """An exchange for a request that was not made to the gateway."""
    request = flow.request
    exchange = Exchange(Origin.OBSERVED, id=exchanges.id_of(flow), started=request.timestamp_start)
    exchange.recognised = recognised
    exchange.protocol = exchange.output = recognised.protocol
    exchange.operation = recognised.operation
    exchange.method, exchange.path, exchange.query, exchange.headers = request.method, path, query, headers
    exchange.client_addr = str(flow.client_conn.peername[0]) if flow.client_conn.peername else ""
    exchange.client = client_of(headers.get("user-agent", ""))
    exchange.agent = headers.get("x-claude-code-agent-id", "")
    exchange.parent_agent = headers.get("x-claude-code-parent-agent-id", "")
    try:
        exchange.body = codings.decode(headers.get("content-encoding", ""), request.raw_content or b"", 64 << 20)
        parsed = jsonio.loads(exchange.body)
    except ValueError:
        parsed = None
    exchange.client_request = Side(list(request.headers.items(multi=True)), exchange.body)
    if isinstance(parsed, dict):
        exchange.json = parsed
        model = recognised.model or parsed.get("model")
        exchange.requested_model = model if isinstance(model, str) else ""
        exchange.stream = recognised.stream if recognised.stream is not None else parsed.get("stream") is True
        exchange.session = session_of(headers, parsed)
        exchange.conversation = conversation_of(exchange.session, parsed)
    return exchange


def observe(exchange: Exchange, flow: http.HTTPFlow, services: Services) -> None:
    """The one attempt of an observed exchange: at the client's own host, with the client's own credential."""
    host = flow.request.pretty_host
    provider = next(
        (p for p in services.providers if urlsplit(p.manifest.base_url).hostname == host),
        services.providers.get("openai_compatible"),
    )
    own = Credential("(the client's own)", provider.manifest.id)
    candidate = Candidate(own, provider, exchange.requested_model, "intercepted: the client's own credential")
    attempt = Attempt(
        number=1,
        candidate=candidate,
        provider=provider,
        protocol=exchange.protocol,
        model=exchange.requested_model,
        names=NameMap(),
        translated=False,
        started=flow.request.timestamp_start,
        stream=exchange.stream,
    )
    attempt.url = flow.request.pretty_url
    attempt.request = exchange.client_request
    exchange.attempts.append(attempt)


def finish_observed(exchange: Exchange, attempt: Attempt, flow: http.HTTPFlow) -> None:
    """Read usage and outcome off an answer that has gone by."""
    response = flow.response
    if response is None:
        return
    attempt.status = response.status_code
    if attempt.pipe is not None:
        exchange.head = response
        books.succeeded(exchange, attempt)
        return
    fields = list(response.headers.items(multi=True))
    try:
        body = codings.decode(response.headers.get("content-encoding", ""), response.raw_content or b"", 256 << 20)
    except ValueError:
        body = b""
    attempt.response = Side(fields, body)
    exchange.head = response
    exchange.delivery.add(body, response.timestamp_end or time.time())
    protocol = registry.get(attempt.protocol)
    try:
        if response.status_code >= 400:
            info = protocol.decode_error(response.status_code, {n.lower(): v for n, v in fields}, body)
            attempt.failure = Failure(books.cause_of(info), info)
            exchange.error = info
            books.close(attempt, attempt.failure.cause)
        elif exchange.operation is Operation.GENERATE:
            if "event-stream" in response.headers.get("content-type", ""):
                answer = whole_answers.folded(protocol, attempt, body)
            else:
                answer = protocol.decode_response(jsonio.loads(body), attempt.names)
            books.settle(exchange, attempt, answer)
    except (ValueError, AttributeError, TypeError):
        exchange.notes.append("the answer could not be read")
    books.close(attempt, Cause.OK)
