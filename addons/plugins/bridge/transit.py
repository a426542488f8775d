"""One request of the gateway's on its way through a plugin, to the service, and back: what the relay does for a ticket.

The plugin is asked for the request, shown the answer piece by piece, and asked again for the next piece only when it
has dealt with the one before: neither side piles up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from addons.gateway import headers as header_rules
from addons.plugins.bridge import errors, protocol
from addons.plugins.bridge.answering import JSON_TYPE, Answering, RefusedError
from addons.plugins.bridge.errors import FAULTS, BadAnswerError
from addons.plugins.bridge.framers import FRAMERS
from addons.plugins.bridge.limits import MIB
from addons.plugins.bridge.protocol import (
    Facts,
    Json,
    Lease,
    Method,
    ModelList,
    NewRequest,
    Piece,
    ShapeError,
    Validity,
    Verdict,
    carried,
)
from addons.plugins.bridge.relay import Headers, Reply
from addons.plugins.bridge.session import Session
from addons.plugins.bridge.web import Clients, is_safe
from addons.providers.api import Call, Operation, Upstream
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, ErrorKind

log = logging.getLogger(__name__)
#: Bytes of a whole answer, and of an error, that a plugin is shown.
LARGEST, LARGEST_ERROR = 20 * MIB, MIB
USER_AGENT = "proxycast/0.1"


@dataclass(slots=True)
class Outcome:
    """What the relay learned of an attempt: the address that was really asked, what a refusal means."""

    url: str = ""
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """What is asked: the gateway's call, whose credential, on what terms. `native` is the request as it would go out
    without the plugin; `known_models` answers for a list where the plugin has none. `id` is unique to it."""

    id: str
    call: Call
    credential: Credential
    lease: Lease | None
    native: Callable[[bytes], Upstream]
    known_models: tuple[str, ...] = ()


def credential_params(credential: Credential, lease: Lease | None = None) -> Json:
    """A credential as plugins see it."""
    params: Json = {"credential": credential.name, "settings": credential.settings, "secret": credential.secret}
    if lease is not None:
        params["lease"] = {"base_url": lease.base_url, "headers": lease.headers}
    return params


class Transit:
    """`run` is the work of one ticket. It never raises but for a connection that is gone."""

    def __init__(self, session: Session, facts: Facts, clients: Clients, passage: Passage, outcome: Outcome) -> None:
        self._session, self._facts, self._clients = session, facts, clients
        self._passage, self._outcome = passage, outcome
        self._call = passage.call
        self._answering: Answering | None = None
        self._open = False  # the plugin knows of it and waits for its end

    async def run(self, body: bytes, reply: Reply) -> None:
        try:
            if self._call.operation is Operation.MODELS and self._lists():
                await self._models(reply)
            else:
                await self._ask(body, reply)
        except RefusedError as refused:
            await self._refuse(refused.error, reply)
        except ShapeError as error:
            await self._refuse(errors.info(self._session.name, BadAnswerError(str(error))), reply)
        except FAULTS as error:
            await self._refuse(errors.info(self._session.name, error), reply)
        except httpx.TimeoutException as error:
            text = f"the upstream did not answer in time ({type(error).__name__})"
            await self._refuse(ErrorInfo(ErrorKind.TIMEOUT, text, 504), reply)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            if isinstance(error, ConnectionError):
                raise
            await self._refuse(ErrorInfo(ErrorKind.SERVER, f"the upstream failed: {error}", 502), reply)
        except asyncio.CancelledError:
            self._forget("the client went away")
            raise
        except Exception as error:
            log.exception("proxycast: a request through the plugin %s failed", self._session.name)
            text = f"the gateway failed ({type(error).__name__}); its log says more"
            await self._refuse(ErrorInfo(ErrorKind.SERVER, text, 502), reply)

    # -- the request

    async def _ask(self, body: bytes, reply: Reply) -> None:
        upstream = await self._request(body)
        self._outcome.url = upstream.url
        if not is_safe(upstream.url):
            text = f"the plugin {self._session.name} names an address that no credential is sent to: https is wanted"
            raise RefusedError(ErrorInfo(ErrorKind.SERVER, text, 502))
        client = self._clients.get(self._passage.credential)
        headers = [(n, v) for n, v in upstream.headers if n.lower() not in header_rules.HOP_BY_HOP]
        present = {name.lower() for name, _ in headers}
        usual = (("user-agent", USER_AGENT), ("accept-encoding", "identity"))
        headers += [pair for pair in usual if pair[0] not in present]
        content = upstream.body if upstream.body or upstream.method in ("POST", "PUT", "PATCH") else None
        try:
            request = client.build_request(upstream.method, upstream.url, headers=headers, content=content)
        except (ValueError, TypeError) as error:  # letters that no header has, and the like
            raise ShapeError(f"names a request that cannot be sent: {error}") from None
        response = await client.send(request, stream=True)
        try:
            await self._respond(response, reply)
        finally:
            await response.aclose()

    async def _request(self, body: bytes) -> Upstream:
        if not self._facts.has(Method.REQUEST):
            return self._passage.native(body)
        call = self._call
        self._open = True
        asked = {
            **self._about(),
            **credential_params(self._passage.credential, self._passage.lease),
            "operation": call.operation.value,
            "method": call.method,
            "path": call.path,
            "query": call.query,
            "headers": call.headers,
            **carried(body),
        }
        made = NewRequest.of(await self._session.ask(Method.REQUEST, asked), Method.REQUEST)
        return Upstream(made.method.upper(), made.url, made.headers, made.data(Method.REQUEST) or b"")

    def _about(self) -> Json:
        call = self._call
        return {"exchange": self._passage.id, "protocol": call.protocol, "model": call.model, "stream": call.stream}

    # -- the answer

    async def _respond(self, response: httpx.Response, reply: Reply) -> None:
        status = response.status_code
        kept = [(n, v) for n, v in header_rules.to_client(response.headers.multi_items())]
        if status >= 400:
            await self._error(response, kept, reply)
        elif status >= 300:
            text = "the upstream redirected; credentials do not follow redirects"
            raise RefusedError(ErrorInfo(ErrorKind.SERVER, text, 502))
        elif self._facts.has(Method.CHUNK) and (self._call.stream or not self._facts.has(Method.RESPONSE)):
            await self._pieces(response, self._answer(reply, kept, stream=self._call.stream))
        elif self._facts.has(Method.RESPONSE):
            await self._whole(response, self._answer(reply, kept, stream=False))
        else:
            await reply.head(status, kept)
            async for data in response.aiter_bytes():
                await reply.send(data)
            await reply.end()
            self._forget("")

    def _answer(self, reply: Reply, kept: Headers, *, stream: bool) -> Answering:
        """With those of the upstream's headers that do not describe its body."""
        call = self._call
        headers = [(name, value) for name, value in kept if not name.lower().startswith("content-")]
        self._answering = Answering(
            reply, call.protocol, call.model, self._passage.id, int(time.time()), headers, stream=stream
        )
        return self._answering

    async def _pieces(self, response: httpx.Response, answer: Answering) -> None:
        framer = FRAMERS[self._facts.framing]()
        about: Json = {**self._about(), "status": response.status_code, "headers": response.headers.multi_items()}
        async for data in response.aiter_bytes():
            items = framer.feed(data)
            if not items:
                continue
            told = await self._session.ask(Method.CHUNK, {**about, **items})
            about = {"exchange": self._passage.id}
            await answer.take(Piece.of(told, Method.CHUNK), Method.CHUNK)
            if answer.done:
                break
        if not answer.done:
            items = framer.end()
            if self._facts.has(Method.END):
                self._open = False
                told = await self._session.ask(Method.END, {**about, **items})
                await answer.take(Piece.of(told, Method.END), Method.END)
            elif items:
                told = await self._session.ask(Method.CHUNK, {**about, **items})
                await answer.take(Piece.of(told, Method.CHUNK), Method.CHUNK)
        await answer.end()
        self._forget("")

    async def _whole(self, response: httpx.Response, answer: Answering) -> None:
        body = await _capped(response, LARGEST)
        told = {**self._about(), "status": response.status_code, "headers": response.headers.multi_items()}
        self._open = False
        result = await self._session.ask(Method.RESPONSE, {**told, **carried(body)})
        await answer.take(Piece.of(result, Method.RESPONSE), Method.RESPONSE)
        await answer.end()

    async def _error(self, response: httpx.Response, kept: Headers, reply: Reply) -> None:
        body = await _capped(response, LARGEST_ERROR)
        if not self._facts.has(Method.ERROR):
            await reply.whole(response.status_code, kept, body)
            self._forget("it was refused")
            return
        fields = response.headers.multi_items()
        told = {**self._about(), "status": response.status_code, "headers": fields, **carried(body)}
        self._open = False
        verdict = Verdict.of(await self._session.ask(Method.ERROR, told), Method.ERROR)
        raise RefusedError(verdict.info(response.status_code))

    async def _refuse(self, error: ErrorInfo, reply: Reply) -> None:
        """The error as an upstream of the target protocol would say it; inside the answer if that has begun."""
        self._outcome.error = error
        self._forget(error.message)
        if reply.begun:
            if self._answering is not None:
                await self._answering.fail(error)
            else:
                reply.abort()
            return
        status, body = registry.get(self._call.protocol).encode_error(error)
        headers = [("content-type", JSON_TYPE)]
        if error.retry_after is not None:
            headers.append(("retry-after", f"{error.retry_after:g}"))
        await reply.whole(error.status or status, headers, jsonio.dumps(body))

    def _forget(self, reason: str) -> None:
        """The plugin need not remember this exchange any longer."""
        if self._open:
            self._open = False
            self._session.tell(protocol.CANCEL_RESPONSE, {"exchange": self._passage.id, "reason": reason})

    # -- models

    def _lists(self) -> bool:
        return any(self._facts.has(method) for method in (Method.MODELS, Method.VALIDATE, Method.REQUEST))

    async def _models(self, reply: Reply) -> None:
        """Any protocol's reader takes a list in this form. Without one the credential is looked at, which is what a
        probe wants to know; without that either it is enough that the plugin runs."""
        params = credential_params(self._passage.credential, self._passage.lease)
        if self._facts.has(Method.MODELS):
            names = ModelList.of(await self._session.ask(Method.MODELS, params), Method.MODELS).models
        elif not self._facts.has(Method.VALIDATE):
            names = self._passage.known_models
        else:
            validity = Validity.of(await self._session.ask(Method.VALIDATE, params), Method.VALIDATE)
            if not validity.valid:
                text = validity.message or "the plugin says that this credential is not valid"
                raise RefusedError(ErrorInfo(ErrorKind.AUTHENTICATION, text, 401))
            names = self._passage.known_models
        body: Any = {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
        await reply.whole(200, [("content-type", JSON_TYPE)], jsonio.dumps(body))


async def _capped(response: httpx.Response, most: int) -> bytes:
    pieces, size = [], 0
    async for data in response.aiter_bytes():
        size += len(data)
        if size > most:
            raise RefusedError(ErrorInfo(ErrorKind.SERVER, f"the upstream's answer is longer than {most} bytes", 502))
        pieces.append(data)
    return b"".join(pieces)
