"""Makes one attempt out of an exchange and a candidate: always afresh from the client's original bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from addons.audit.record import Side
from addons.gateway import headers as header_rules
from addons.gateway.exchange import Attempt, Exchange
from addons.gateway.makers import Strip
from addons.pool.candidates import Candidate
from addons.providers import outbound
from addons.providers.api import Call, Operation, Upstream
from translators import jsonio, registry
from translators.canonical.errors import TranslationError
from translators.canonical.memory import ReasoningMemory
from translators.canonical.names import NameMap
from translators.canonical.request import Request
from translators.framing.json_spans import replace_member
from translators.protocol import Encoded
from translators.reasoning import Keeps, nothing, without_reasoning

USER_AGENT = "proxycast/0.1"
#: How reasoning that we carried through the client shows in a body: as text, and in base64.
CARRIER_TAGS = (b"gw1:", b"Z3cxO")


class UnsafeEndpointError(Exception):
    """A credential would travel over plain HTTP to another machine (design.md, decision 6)."""


@dataclass(slots=True)
class Prepared:
    attempt: Attempt
    call: Call
    upstream: Upstream


def decoded(exchange: Exchange) -> Request:
    """The client's request in canonical form, decoded once. Raises TranslationError."""
    if exchange.request is None:
        recognised = exchange.recognised
        assert recognised is not None and exchange.json is not None
        exchange.request = registry.get(exchange.protocol).decode_request(
            exchange.json, model=recognised.model, stream=recognised.stream
        )
    return exchange.request


def prepare(
    exchange: Exchange, candidate: Candidate, memory: ReasoningMemory, *, strip: Strip, keeps: Keeps = nothing
) -> Prepared:
    """`keeps` names the reasoning that stays when that of others goes. Raises TranslationError: the request cannot be
    put so."""
    provider, credential, model = candidate.provider, candidate.credential, candidate.model
    several = len(provider.manifest.protocols) > 1 and exchange.operation is not Operation.PASS
    request = None
    if several and exchange.protocol in provider.manifest.protocols:
        request = decoded(exchange) if provider.reads_request else Request(exchange.protocol, model)
    protocol = provider.protocol(model, credential, request)
    if exchange.operation is Operation.PASS:
        protocol = exchange.protocol
    elif several and protocol == exchange.protocol:
        passes = provider.passes(exchange.operation, exchange.headers, exchange.json or {})
        protocol = protocol if passes else provider.manifest.protocols[0]
    translated = protocol != exchange.protocol
    attempt = Attempt(
        number=len(exchange.attempts) + 1,
        candidate=candidate,
        provider=provider,
        protocol=protocol,
        model=model,
        names=NameMap(),
        translated=translated,
        answer_translated=protocol != exchange.output,
        stream=exchange.stream,
        stripped=strip,
        started=time.time(),
    )
    if attempt.answer_translated and exchange.operation is Operation.GENERATE:
        decoded(exchange)  # the answer's encoder wants to know what was asked
    call = Call(
        operation=exchange.operation,
        protocol=protocol,
        model=model,
        stream=exchange.stream,
        body=exchange.body,
        method=exchange.method,
        path=exchange.recognised.path if exchange.recognised is not None else exchange.path,
        query=exchange.query,
        translated=translated,
        conversation=exchange.conversation,
        origin=exchange.protocol,
        received=exchange.client_request.headers,
    )
    kept: list[str] = []

    def noted(payload: str) -> bool:
        stays = strip is Strip.OTHERS and keeps(payload)
        kept.extend([payload] if stays else [])
        return stays

    if translated:
        _translate(exchange, attempt, call, memory, noted)
    else:
        _pass(exchange, attempt, call, memory, noted)
    if strip and not kept:
        attempt.stripped = Strip.ALL  # trying again with less would be the same
    upstream = provider.build(call, credential)
    exchange.notes += [note for note in upstream.notes if note not in exchange.notes]
    attempt.url = upstream.url
    attempt.request = Side(upstream.headers, upstream.body)
    return Prepared(attempt, call, upstream)


def _translate(exchange: Exchange, attempt: Attempt, call: Call, memory: ReasoningMemory, keeps: Keeps) -> None:
    target = attempt.provider.target(attempt.protocol, attempt.model, attempt.candidate.credential)
    request = replace(decoded(exchange), model=attempt.model, stream=exchange.stream)
    if exchange.protocol == "openai_chat" and attempt.stripped is not Strip.ALL:
        memory.restore(request, exchange.conversation)
    if attempt.stripped:
        request = without_reasoning(request, keeps)
    protocol = attempt.provider.wire(attempt.protocol)
    carried = protocol.wraps == exchange.protocol and call.operation is Operation.GENERATE
    # its headers, such as a version, go with a count too
    encoded = Encoded({}) if carried else protocol.encode_request(request, target)
    if call.operation is Operation.COUNT_TOKENS:
        body = protocol.encode_count_request(request, target)
        if body is None:
            raise TranslationError("this backend does not count tokens")
        call.body = jsonio.dumps(body)
    elif carried:
        _own_body(exchange, attempt, call, memory, keeps)
    else:
        attempt.names = encoded.names
        exchange.notes += [note for note in encoded.notes if note not in exchange.notes]
        call.body = jsonio.dumps(encoded.body)
    call.method = "POST"
    accept = protocol.stream_type if exchange.stream else "application/json"
    call.headers = [
        ("content-type", "application/json"),
        ("accept", accept),
        ("accept-encoding", "identity"),
        ("user-agent", USER_AGENT),
        *encoded.headers.items(),
    ]


def _pass(exchange: Exchange, attempt: Attempt, call: Call, memory: ReasoningMemory, keeps: Keeps) -> None:
    """A client and a backend of one protocol."""
    call.headers = [*header_rules.to_upstream(exchange.client_request.headers), ("accept-encoding", "identity")]
    _own_body(exchange, attempt, call, memory, keeps)


def _own_body(exchange: Exchange, attempt: Attempt, call: Call, memory: ReasoningMemory, keeps: Keeps) -> None:
    """The bytes as they came, but for the model's name, bound reasoning that must go, and what this backend demands of
    a history that clients leave out."""
    if exchange.json is None:
        return
    protocol, body = registry.get(exchange.protocol), exchange.json
    if attempt.stripped or any(tag in exchange.body for tag in CARRIER_TAGS):
        body = protocol.own_history(body, bare=bool(attempt.stripped), keeps=keeps)
        if body is not exchange.json:
            exchange.notes.append("reasoning that this backend did not make was taken out")
    if exchange.operation is Operation.GENERATE:
        target = attempt.provider.target(attempt.protocol, attempt.model, attempt.candidate.credential)
        kept = body
        body = protocol.adapt_own(kept, target, lambda call_id: memory.text_of(call_id, exchange.conversation))
        if body is not kept:
            exchange.notes.append("reasoning that this backend demands back was filled in")
    if body is not exchange.json:
        call.body = jsonio.dumps(body)
    if attempt.model != exchange.requested_model and "model" in exchange.json:
        call.body = replace_member(call.body, "model", jsonio.dumps(attempt.model))


def guard(url: str) -> None:
    """Raises UnsafeEndpointError for an address that no credential may be sent to (decision 6)."""
    parts = urlsplit(url)
    if "{" in parts.netloc:
        missing = parts.netloc.partition("{")[2].partition("}")[0]
        advice = f"`proxycast credentials edit NAME --set {missing}=…`"
        raise UnsafeEndpointError(f"the credential lacks the setting {missing!r}: {advice}")
    if outbound.is_safe(url):
        return
    if not parts.scheme or not parts.hostname:
        raise UnsafeEndpointError("the credential has no base URL: `proxycast credentials edit NAME --set base_url=…`")
    raise UnsafeEndpointError(
        f"credentials are not sent over plain HTTP to another machine ({parts.hostname}): use https"
    )
