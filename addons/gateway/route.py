"""Reads the request's body as far as routing needs, finds its session, and lists the credentials that may answer."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from mitmproxy import http

from addons.gateway import exchange as exchanges
from addons.gateway import objects, recognise
from addons.gateway.answers import own_answers
from addons.gateway.exchange import Exchange
from addons.gateway.services import Services
from addons.pool.candidates import ANY_MODEL, Candidate, NoCandidateError
from addons.pool.lazy import Lazy
from addons.pool.lists import Listed
from addons.pool.pool import Ordered
from addons.providers.api import Operation
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, ErrorKind

Json = dict[str, Any]

#: User agents → the client's name in the audit (clients.md). The first that is contained wins.
CLIENTS = (
    ("claude-cli", "claude-code"),
    ("codex", "codex"),
    ("geminicli", "gemini-cli"),
    ("qwencode", "qwen-code"),
    ("opencode", "opencode"),
    ("cursor", "cursor"),
    ("cherrystudio", "cherry-studio"),
    ("anthropic/python", "anthropic-sdk"),
    ("anthropic/js", "anthropic-sdk"),
    ("openai/python", "openai-sdk"),
    ("openai/js", "openai-sdk"),
    ("google-genai-sdk", "google-genai-sdk"),
    ("curl", "curl"),
)
#: The field of a form (RFC 7578), as of audio and image files.
_FORM_MODEL = re.compile(rb'name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{1,200})\r\n--')
_LEGACY_USER = re.compile(r"_session_([0-9a-fA-F-]{8,})$")


def client_of(user_agent: str) -> str:
    lowered = user_agent.lower()
    return next((name for part, name in CLIENTS if part in lowered), "")


def session_of(headers: dict[str, str], body: Json) -> str:
    """The client's session id: its header, else its metadata (clients.md §1, §2)."""
    for name in ("x-claude-code-session-id", "session-id", "session_id", "thread-id"):
        if headers.get(name):
            return headers[name]
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(user, str):
        if user.startswith("{"):
            try:
                found = jsonio.loads(user).get("session_id")
            except (ValueError, AttributeError):
                found = None
            if isinstance(found, str):
                return found
        legacy = _LEGACY_USER.search(user)
        if legacy:
            return legacy.group(1)
    key = body.get("prompt_cache_key")
    return key if isinstance(key, str) else ""


def conversation_of(session: str, body: Json) -> str:
    """The conversation key: the session where there is one, else a hash of the first system text and first user
    turn."""
    if session:
        return session
    turns = body.get("messages") or body.get("input") or body.get("contents") or ()
    system = body.get("system") or body.get("instructions") or body.get("systemInstruction") or ""
    first: Any = turns
    if isinstance(turns, list):
        first = next((t for t in turns if isinstance(t, dict) and t.get("role", "user") == "user"), "")
    seed = jsonio.dumps([system, first])
    return hashlib.sha256(seed).hexdigest()[:32]


class Route:
    def __init__(self, services: Services) -> None:
        self._services = services

    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        if exchange is None or flow.response is not None or exchange.observed or exchange.recognised is None:
            return
        error = self._read(exchange) or self._choose(exchange)
        if error is not None:
            exchange.rejected = True
            flow.response = own_answers.refusal(flow, error)

    def _read(self, exchange: Exchange) -> ErrorInfo | None:
        """Body → model, stream, session. Only what routing needs: the bytes stay as they are."""
        recognised = exchange.recognised
        assert recognised is not None
        wanted = exchange.headers.get("x-proxycast-output")
        if wanted:
            if wanted not in registry.client_ids():
                known = ", ".join(registry.client_ids())
                return ErrorInfo(ErrorKind.INVALID_REQUEST, f"x-proxycast-output: {wanted!r} is none of {known}")
            exchange.output = wanted
        exchange.agent = exchange.headers.get("x-claude-code-agent-id", "")
        exchange.parent_agent = exchange.headers.get("x-claude-code-parent-agent-id", "")
        body: Json = {}
        if exchange.operation in (Operation.GENERATE, Operation.COUNT_TOKENS):
            parsed = _parse(exchange.body)
            if isinstance(parsed, ErrorInfo):
                return parsed
            body = parsed
            exchange.json = body
            protocol = recognise.protocol_of_body(body, exchange.protocol)
            if protocol != exchange.protocol:
                exchange.output = protocol if exchange.output == exchange.protocol else exchange.output
                exchange.protocol = protocol
            model = recognised.model or body.get("model")
            if not isinstance(model, str) or not model:
                return ErrorInfo(ErrorKind.INVALID_REQUEST, "model: a model name is required", param="model")
            if not recognise.is_model_name(model):
                return ErrorInfo(ErrorKind.INVALID_REQUEST, "model: this is no model's name", param="model")
            exchange.requested_model = model
            exchange.stream = recognised.stream if recognised.stream is not None else body.get("stream") is True
        else:
            model = recognised.model or _model_of(exchange.body)
            exchange.requested_model = model if recognise.is_model_name(model) else ""
        exchange.session = session_of(exchange.headers, body)
        exchange.conversation = conversation_of(exchange.session, body) if body else exchange.session
        return None

    def _choose(self, exchange: Exchange) -> ErrorInfo | None:
        settings = self._services.settings()
        name = exchange.profile_name or (exchange.key.profile if exchange.key else None) or settings.active_profile
        exchange.profile_name = name
        try:
            exchange.profile = settings.profile(name)
        except KeyError:
            return ErrorInfo(
                ErrorKind.PERMISSION, f"the client key is pinned to the profile {name!r}, which is not configured"
            )
        if exchange.operation is Operation.MODELS:
            return None
        if exchange.operation is Operation.PASS:
            assert exchange.recognised is not None
            found = self._offering(exchange)
            if not found and recognise.single_model(exchange.method, exchange.recognised.path) is None:
                return ErrorInfo(
                    ErrorKind.NOT_FOUND,
                    f"no credential of this profile offers {exchange.path}: it needs one of that protocol",
                )
        else:
            try:
                found = self._serving(exchange, exchange.requested_model)
            except NoCandidateError as error:
                return ErrorInfo(ErrorKind.NOT_FOUND, str(error), code="model_not_found")
        return self._order(exchange, self._owners_alone(exchange, found))

    def _serving(self, exchange: Exchange, model: str) -> Listed:
        """The profile's candidates for the model. Raises NoCandidateError."""
        services = self._services
        assert exchange.profile is not None
        return services.pool.lists.find(
            exchange.profile_name,
            exchange.profile,
            model,
            services.state.credentials,
            services.providers,
            services.state.problems,
            settings=services.settings(),
            version=services.state.version,
        )

    def _offering(self, exchange: Exchange) -> Listed:
        """Who has the endpoint of a request that is passed on: of those that speak its protocol the ones that serve its
        model, else all. Most such requests name no model (files, batches), or one that no provider lists."""
        model = exchange.requested_model
        for asked in dict.fromkeys((model or ANY_MODEL, ANY_MODEL)):
            try:
                found = self._serving(exchange, asked)
            except NoCandidateError:
                continue
            offering = [c for c in found if _speaks(c, exchange) and (asked == model or not _is_kept_from(c, model))]
            if offering:
                return Listed([replace(c, model=model) for c in offering] if asked == ANY_MODEL else offering)
        return Listed(())

    def _owners_alone(self, exchange: Exchange, found: Listed) -> Listed:
        """A request that needs an object of one account is for the credential that has it (decision 13)."""
        for object_id in objects.named(exchange):
            owner = self._services.state.object_owner(object_id)
            owned = [candidate for candidate in found if candidate.name == owner]
            if owned:
                return Listed(owned)
        return found

    def _order(self, exchange: Exchange, found: Listed) -> ErrorInfo | None:
        """The pool's order, each place with its reason; an error when only the owner can bring anybody back."""
        failover, pool, now = self._services.settings().failover, self._services.pool, time.time()
        assert exchange.profile is not None
        ordered, exchange.home = pool.order(
            found,
            strategy=exchange.profile.strategy,
            conversation=stick_key(exchange) if exchange.conversation else "",
            keep=max(failover.stick, failover.stick_minimum),
            now=now,
            take_over=exchange.profile.take_over,
        )
        exchange.candidates = Lazy(map(with_reason, ordered))
        if exchange.candidates or not found:
            return None
        lost = [f"{name}: {cause}" for name, cause in pool.out_of_service(found, now)]
        text = (
            f"every credential for this request is out of service ({'; '.join(lost)}): see `proxycast credentials list`"
        )
        if len(lost) < len(found):
            text = (
                f"the account that this request would go to is out of service ({'; '.join(lost)}), and the provider's "
                "other accounts keep to their own share: `take_over = true` in the profile lets them step in"
            )
        return ErrorInfo(ErrorKind.PERMISSION, text)


def with_reason(ordered: Ordered) -> Candidate:
    """The candidate with what the pool knows beside the profile."""
    candidate, reasons = ordered.candidate, []
    if ordered.held:
        reasons.append("the conversation was here before")
    if ordered.standing is not None:
        reasons.append(f"{ordered.standing.state}, but nobody else is left: {ordered.standing.cause}")
    return replace(candidate, why="; ".join([candidate.why, *reasons])) if reasons else candidate


def stick_key(exchange: Exchange) -> str:
    """What stickiness knows a conversation by: one model of it may be served elsewhere than another."""
    return f"{exchange.profile_name}\x1f{exchange.requested_model}\x1f{exchange.conversation}"


def _speaks(candidate: Candidate, exchange: Exchange) -> bool:
    """Whether the candidate has the endpoints of the client's protocol. OpenAI's two dialects share files and the
    rest."""
    family = exchange.protocol.partition("_")[0]
    return any(protocol.partition("_")[0] == family for protocol in candidate.provider.manifest.protocols)


def _is_kept_from(candidate: Candidate, model: str) -> bool:
    """Whether the credential's owner said that it is not for this model."""
    settings = candidate.credential.settings
    excluded = settings.get("excluded_models") or ()
    return bool(model and settings.get("served_models")) or any(fnmatchcase(model, pattern) for pattern in excluded)


def _model_of(body: bytes) -> str:
    """The model that a body of any other endpoint names: a JSON object, or a form."""
    if body[:1] == b"{":
        parsed = _parse(body)
        model = parsed.get("model") if isinstance(parsed, dict) else None
        return model if isinstance(model, str) else ""
    field = _FORM_MODEL.search(body) if body[:2] == b"--" else None
    return field.group(1).decode("utf-8", "replace") if field is not None else ""


def _parse(body: bytes) -> Json | ErrorInfo:
    try:
        parsed = jsonio.loads(body)
    except ValueError as error:
        return ErrorInfo(ErrorKind.INVALID_REQUEST, f"the request body is not valid JSON: {error}")
    if not isinstance(parsed, dict):
        return ErrorInfo(ErrorKind.INVALID_REQUEST, "the request body must be a JSON object")
    return parsed
