"""Sends a request to its next candidate, and decides after a failure which one that is (design.md, decisions 1, 3,
4)."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from dataclasses import replace

from mitmproxy import connection, http
from mitmproxy.net.http import url as url_parser

from addons.gateway import exchange as exchanges
from addons.gateway import objects, ready, shown
from addons.gateway.answers import books, failures, own_answers, verdict, whole_answers
from addons.gateway.exchange import Attempt, Cause, Exchange, Failure
from addons.gateway.makers import Strip
from addons.gateway.prepare import Prepared, UnsafeEndpointError, decoded, guard, prepare
from addons.gateway.route import stick_key
from addons.gateway.services import Services
from addons.gateway.trust import TrustError
from addons.pool.candidates import Candidate
from addons.providers.api import Operation, UnavailableError
from addons.providers.listening import Listening
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.estimate import estimate_tokens
from translators.canonical.names import NameMap

log = logging.getLogger(__name__)
#: Causes that say something about the credential, or the way to it.
TELLING = frozenset(
    (
        Cause.CONNECT,
        Cause.TLS,
        Cause.CONNECTION,
        Cause.TIMEOUT,
        Cause.RATE_LIMIT,
        Cause.AUTHENTICATION,
        Cause.BILLING,
        Cause.SERVER,
    )
)
#: What keeps a credential from being made ready for whatever request; counted once in so many seconds.
UNREADY = frozenset((ErrorKind.AUTHENTICATION, ErrorKind.SERVER, ErrorKind.OVERLOADED, ErrorKind.TIMEOUT))
ONCE = 2.0
_STANDARD_PORTS = {b"http": 80, b"https": 443}


class Dispatch:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._told: dict[str, float] = {}  # when a credential last could not be made ready

    async def request(self, flow: http.HTTPFlow) -> None:
        """The first attempt."""
        exchange = exchanges.of(flow)
        if exchange is None or flow.response is not None or exchange.observed or not exchange.candidates:
            return
        await self._next(flow, exchange)

    async def proxycast_attempt(self, flow: http.HTTPFlow) -> None:
        """The attempt before failed: learn from it, then make the next."""
        exchange = exchanges.of(flow)
        if exchange is None:
            return
        if exchange.current is not None:
            self._learn(exchange, exchange.current)
        await self._next(flow, exchange)

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or exchange.current is None or exchange.observed:
            return
        attempt = exchange.current
        self._learn(exchange, attempt)
        if attempt.cause is not Cause.OK:
            return
        if exchange.operation is Operation.GENERATE and attempt.answer is not None:
            self._services.makers.made(attempt.candidate.name, attempt.answer)
            if exchange.output == "openai_chat":
                self._services.memory.remember(attempt.answer, exchange.conversation)
        made = objects.made(exchange, attempt)
        if made is not None:
            self._services.state.remember_object(made, attempt.candidate.name)

    def error(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is not None and exchange.current is not None and not exchange.observed:
            self._learn(exchange, exchange.current)

    # -- choosing

    async def _next(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Prepare the next attempt that can be prepared; when there is none, set the answer."""
        refused: TranslationError | None = None
        while True:
            chosen = await self._choose(exchange)
            if chosen is None:
                break
            candidate, strip = chosen
            try:
                candidate = await self._acquired(candidate)
                if self._is_full(exchange, candidate):
                    continue  # others have waited for the same token, and were first
                keeps = self._services.makers.keeps(candidate.name)
                prepared = prepare(exchange, candidate, self._services.memory, strip=strip, keeps=keeps)
            except UnavailableError as error:
                self._note_untried(exchange, candidate, books.cause_of(error.info), error.info)
                self._not_ready(candidate, error.info)
                continue
            except TranslationError as error:
                refused = error
                if exchange.operation is Operation.COUNT_TOKENS:
                    break
                self._note_untried(exchange, candidate, Cause.CLIENT_FAULT, error.info)
                continue
            except Exception as error:  # a setting that nobody foresaw, a plugin's mistake: others may serve
                log.exception("proxycast: preparing a request for %s failed", candidate.name)
                self._note_untried(exchange, candidate, Cause.INTERNAL, failures.internal(error).error)
                continue
            exchange.attempts.append(prepared.attempt)
            self._services.pool.started(candidate, prepared.attempt.started)
            prepared.attempt.counted = True
            answered = await self._answered_here(flow, exchange, prepared)
            if answered:
                return
            if answered is False:
                self._learn(exchange, prepared.attempt)
                continue
            try:
                guard(prepared.upstream.url)
                _, host, port, _ = _parsed(prepared.upstream.url)
                self._services.authorities.note(candidate.credential, (host.decode("idna"), port))
            except TrustError as error:
                self._unsent(exchange, prepared.attempt, Cause.TLS, str(error))
                continue
            except UnsafeEndpointError as error:
                self._unsent(exchange, prepared.attempt, Cause.CONNECT, str(error))
                continue
            except ValueError:  # a port that is none, a host that cannot be written
                self._unsent(exchange, prepared.attempt, Cause.CONNECT, "the credential's address is no URL")
                continue
            self._send(flow, exchange, prepared)
            return
        if exchange.operation is Operation.COUNT_TOKENS:
            flow.response = self._estimate(exchange, refused)
        else:
            flow.response = verdict.verdict(exchange)

    async def _choose(self, exchange: Exchange) -> tuple[Candidate, Strip] | None:
        """→ (candidate, what of the reasoning must go), or None when the exchange is over."""
        last = exchange.current
        if last is None:
            return await self._paced(exchange)
        failure = last.failure
        if failure is None or len(exchange.attempts) >= self._services.settings().failover.max_attempts:
            return None
        if failure.cause is Cause.SIGNATURE and last.stripped is not Strip.ALL:
            self._services.makers.mixed(exchange.conversation, last.candidate.name)
            if not last.stripped:
                exchange.notes.append("the upstream refused the reasoning's signature; tried again without it")
            return last.candidate, Strip(last.stripped + 1)
        if failure.cause in verdict.FINAL and failure.response is not None:
            return None
        if failure.reused and sum(a.candidate.name == last.candidate.name for a in exchange.attempts) == 1:
            return last.candidate, last.stripped
        other = last.provider.again(last.candidate.credential, failure.error)
        if other is not None:
            return replace(last.candidate, credential=other), last.stripped
        final = failure.error.out_of_service or failure.error.scope == "request"  # another token would change nothing
        if failure.cause is Cause.AUTHENTICATION and not final:
            fresh = await self._refreshed(exchange, last)
            if fresh is not None:
                return fresh, last.stripped
        return await self._paced(exchange)

    async def _paced(self, exchange: Exchange) -> tuple[Candidate, Strip] | None:
        """The next candidate that its owner's limits let go now; when all must wait, the one that waits least."""
        tried = {attempt.candidate.name for attempt in exchange.attempts}
        shut = _closed_to_others(exchange)
        deadline = time.monotonic() + self._services.settings().failover.pace_wait
        limits = self._services.pool.limits
        while True:
            now, shortest, first = time.time(), math.inf, None
            for candidate in exchange.candidates:
                if candidate.name in tried or candidate.service in shut:
                    continue
                wait = limits.wait(candidate.name, candidate.pacing, now)
                if wait <= 0:
                    switched = bool(tried) or exchange.home not in ("", candidate.name)
                    if switched and self._has_bound_reasoning(exchange, candidate):
                        self._services.makers.mixed(exchange.conversation, candidate.name)
                        return candidate, Strip.OTHERS
                    mixed = self._services.makers.is_mixed(exchange.conversation, candidate.name)
                    return candidate, Strip.OTHERS if mixed else Strip.NOTHING
                first, shortest = first or candidate, min(shortest, wait)
            if first is None:
                return None
            if time.monotonic() + shortest > deadline:
                text = f"the gateway paces this credential: its owner allows no more requests for {shortest:.0f} s"
                info = ErrorInfo(ErrorKind.RATE_LIMIT, text, retry_after=max(shortest, 1.0))
                self._note_untried(exchange, first, Cause.PACED, info)
                tried.add(first.name)
            else:
                await asyncio.sleep(min(shortest, 0.25))

    def _is_full(self, exchange: Exchange, candidate: Candidate) -> bool:
        """Whether its owner's limits let no more requests go; one that it has had already may go on."""
        if any(attempt.candidate.name == candidate.name for attempt in exchange.attempts):
            return False
        return self._services.pool.limits.wait(candidate.name, candidate.pacing, time.time()) > 0

    @staticmethod
    def _has_bound_reasoning(exchange: Exchange, candidate: Candidate) -> bool:
        """Only Responses' encrypted reasoning is bound to an organisation beyond doubt; others are mended when
        refused."""
        return (
            exchange.operation is Operation.GENERATE
            and b"encrypted_content" in exchange.body
            and "openai_responses" in candidate.provider.manifest.protocols
        )

    async def _acquired(self, candidate: Candidate) -> Candidate:
        """The candidate with its credential ready for use. Raises UnavailableError."""
        credential = await ready.acquire(self._services, candidate.provider, candidate.credential)
        return candidate if credential is candidate.credential else replace(candidate, credential=credential)

    async def _refreshed(self, exchange: Exchange, last: Attempt) -> Candidate | None:
        """The same candidate with a fresh token, once an exchange and only where there is one to refresh."""
        if sum(a.candidate.name == last.candidate.name for a in exchange.attempts) > 1:
            return None
        try:
            used = last.candidate.credential
            credential: Credential | None = await self._services.refresher.renew(last.provider, used)
            credential = credential or await last.provider.refresh(used)
        except UnavailableError as error:
            exchange.notes.append(str(error))
            ready.note(self._services, last.candidate.credential, error)
            return None
        except Exception:
            log.exception("proxycast: refreshing %s failed", last.candidate.name)
            return None
        return None if credential is None else replace(last.candidate, credential=credential)

    # -- sending

    async def _answered_here(self, flow: http.HTTPFlow, exchange: Exchange, prepared: Prepared) -> bool | None:
        """A provider that needs no network answers itself; its answer takes the same way as an upstream's. → whether it
        went well, None where the upstream is to be asked."""
        attempt = prepared.attempt
        answer = await attempt.provider.answer(prepared.call, attempt.candidate.credential)
        if answer is None:
            return None
        upstream = own_answers.make_response(answer.status, answer.headers, answer.body)
        outcome = whole_answers.whole(exchange, attempt, upstream)
        if isinstance(outcome, Failure):
            books.failed(exchange, outcome)
            return False
        exchange.answered = True
        books.note_delivered(exchange, outcome)
        flow.response = outcome
        return True

    def _send(self, flow: http.HTTPFlow, exchange: Exchange, prepared: Prepared) -> None:
        """Turn the flow's request into the attempt's and mark it as fit to go."""
        upstream, request = prepared.upstream, flow.request
        if request.http_version == "HTTP/1.0":
            request.http_version = "HTTP/1.1"
        if not request.is_http2:
            request.authority = ""  # of a request line with a host in it, which would be sent so
        request.method = upstream.method
        pairs = [
            (name.encode("latin-1", "replace"), value.encode("utf-8"))
            for name, value in upstream.headers
            if name.lower() != "content-length"
        ]
        if request.is_http2:
            request.url = upstream.url  # and the authority with it
        else:
            scheme, host, port, path = _parsed(upstream.url)
            data = request.data
            data.scheme, data.host, data.port, data.path = scheme, host.decode("idna"), port, path
            name = b"[%b]" % host if b":" in host else host
            standard = port == _STANDARD_PORTS.get(scheme)
            pairs.insert(0, (b"Host", name if standard else b"%b:%d" % (name, port)))
        pairs.append((b"content-length", b"%d" % len(upstream.body)))
        request.headers = http.Headers(pairs)
        request.data.content = upstream.body
        request.trailers = None
        exchange.outgoing = shown.outgoing(request)
        shown.hide(request)
        if b"?" in request.data.path:
            request.path = self._services.redactor.text(request.path)
        flow.server_conn = connection.Server(address=(request.host, request.port))
        proxy = prepared.attempt.candidate.credential.setting("proxy_url")
        if proxy:
            self._services.proxies.route(flow, proxy)
        exchange.cleared = True

    def _unsent(self, exchange: Exchange, attempt: Attempt, cause: Cause, text: str) -> None:
        """It was counted, but says nothing about the credential."""
        books.failed(exchange, Failure(cause, ErrorInfo(ErrorKind.SERVER, text, 502)))
        attempt.counted = False
        self._services.pool.ended(attempt.candidate)

    @staticmethod
    def _note_untried(exchange: Exchange, candidate: Candidate, cause: Cause, error: ErrorInfo) -> None:
        """A candidate that could not even be asked counts as an attempt that failed."""
        attempt = Attempt(
            number=len(exchange.attempts) + 1,
            candidate=candidate,
            provider=candidate.provider,
            protocol="",
            model=candidate.model,
            names=NameMap(),
            translated=True,
            started=time.time(),
        )
        exchange.attempts.append(attempt)
        books.failed(exchange, Failure(cause, error))

    def _not_ready(self, candidate: Candidate, error: ErrorInfo) -> None:
        """A credential that cannot be made ready is failing, whoever is to blame: it comes back by a probe. What ends
        it is told elsewhere (ready.py). All requests that waited for one answer of its token service tell once."""
        now = time.time()
        if error.kind in UNREADY and not error.out_of_service and now - self._told.get(candidate.name, 0.0) > ONCE:
            self._told[candidate.name] = now
            told = replace(error, kind=ErrorKind.SERVER, message=self._services.redactor.text(error.message))
            self._services.pool.failed(candidate, told, now)

    def _estimate(self, exchange: Exchange, refused: TranslationError | None) -> http.Response:
        """A count is never an error for Claude Code: where no backend counted, we estimate and say so."""
        exchange.answered = True
        try:
            tokens = estimate_tokens(decoded(exchange))
        except TranslationError as error:
            exchange.error = (refused or error).info
            return own_answers.error_response(exchange, error.info)
        exchange.usage_estimated = True
        exchange.usage.input_fresh = tokens
        exchange.notes.append("the tokens were estimated locally: the backend has no way to count them")
        body = jsonio.dumps(registry.get(exchange.output).encode_token_count(tokens))
        fields = [("content-type", "application/json"), ("x-proxycast-estimated", "true")]
        response = own_answers.make_response(200, fields, body)
        books.note_delivered(exchange, response)
        return response

    # -- learning

    def _learn(self, exchange: Exchange, attempt: Attempt) -> None:
        """What an attempt's end says about its credential, told once. A client's fault or a hang-up says nothing."""
        if not attempt.counted:
            return
        attempt.counted = False
        pool, candidate, now = self._services.pool, attempt.candidate, time.time()
        pool.ended(candidate)
        if isinstance(attempt.provider, Listening) and attempt.response is not None:
            within = attempt.provider.told_within(attempt.response.body, attempt.model, now)
            if within:
                pool.told(candidate, within, now)
        if attempt.cause is Cause.OK:
            holds = exchange.operation is Operation.GENERATE and bool(exchange.conversation)
            pool.succeeded(candidate, stick_key(exchange) if holds else "", now, attempt.started)
        elif attempt.failure is not None and attempt.cause in TELLING:
            told = attempt.failure.error
            # it is kept and logged, and upstreams repeat what they were given
            told = replace(told, message=self._services.redactor.text(told.message))
            pool.failed(candidate, told, now, attempt.quotas)


def _closed_to_others(exchange: Exchange) -> set[tuple[str, str]]:
    """Services that banned an account in this very exchange: another account of theirs does not step in, unless the
    profile says so (design.md, decision 5)."""
    if exchange.profile is not None and exchange.profile.take_over:
        return set()
    return {a.candidate.service for a in exchange.attempts if a.failure and a.failure.error.out_of_service}


@functools.lru_cache(maxsize=256)
def _parsed(url: str) -> tuple[bytes, bytes, int, bytes]:
    """→ scheme, host, port, path with query. An upstream has few addresses."""
    return url_parser.parse(url)
