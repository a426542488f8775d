"""Asks a credential's service something small: a one-word answer, or its list of models. Through httpx, no flow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx

from addons.providers import outbound
from addons.providers.api import Call, Operation, Provider, UnavailableError
from addons.providers.quota import Quota
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical import waits
from translators.canonical.blocks import Text
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.names import NameMap
from translators.canonical.response import folded
from translators.protocol import Protocol

Connect = Callable[[Credential, float], httpx.AsyncClient]
USER_AGENT = "proxycast/0.1"
QUOTA_PATIENCE = 20.0
PATIENCE = 60.0  # seconds: reasoning models take their time even for one word
QUESTION = {
    "model": "",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Answer with the one word: pong"}],
}
LONGEST = 200  # characters of an answer that are shown, and of a model's name
MOST = 1000  # names of one backend; a router's list may have no end


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the question. `error` None: all is well. `seconds` until the whole answer was there."""

    model: str
    protocol: str
    url: str
    seconds: float
    status: int | None = None
    text: str = ""
    error: ErrorInfo | None = None


async def try_out(
    provider: Provider, credential: Credential, model: str, connect: Connect = outbound.client
) -> Outcome:
    """One real and minimal request. `credential` is ready for use (`Provider.acquire`)."""
    began = time.monotonic()
    request = registry.get("anthropic").decode_request({**QUESTION, "model": model})
    protocol_id = provider.protocol(model, credential, request)
    protocol = registry.get(protocol_id)
    url, status = "", None

    def over(text: str = "", error: ErrorInfo | None = None) -> Outcome:
        text = credential.hidden(text)[:LONGEST]
        told = None if error is None else _hidden(error, credential)
        return Outcome(model, protocol_id, url, time.monotonic() - began, status, text, told)

    try:
        encoded = protocol.encode_request(request, provider.target(protocol_id, model, credential))
        headers = [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("user-agent", USER_AGENT),
            *encoded.headers.items(),
        ]
        body = jsonio.dumps(encoded.body)
        call = Call(Operation.GENERATE, protocol_id, model, False, body, headers=headers, translated=True)
        local = await provider.answer(call, credential)
        if local is not None:
            status = local.status
            return over(_answer(protocol, local.body, False, encoded.names))
        upstream = provider.build(call, credential)
        url = upstream.url.partition("?")[0]
        response = await _send(upstream.method, upstream.url, upstream.headers, upstream.body, credential, connect)
    except TranslationError as error:
        return over(error=error.info)
    except UnavailableError as error:
        return over(error=error.info)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return over(error=ErrorInfo(ErrorKind.SERVER, str(error) or type(error).__name__))
    status = response.status_code
    if status >= 300:
        error_info = protocol.decode_error(
            status, {n.lower(): v for n, v in response.headers.items()}, response.content
        )
        return over(error=provider.judge(error_info))
    try:
        streamed = response.headers.get("content-type", "").partition(";")[0].strip().lower() == protocol.stream_type
        return over(_answer(protocol, response.content, streamed, encoded.names))
    except (ValueError, TypeError, AttributeError, KeyError):
        text = f"the answer is not what its protocol says: {response.text[:120]}"
        return over(error=ErrorInfo(ErrorKind.SERVER, text))


async def models(
    provider: Provider, credential: Credential, connect: Connect = outbound.client, patience: float = PATIENCE
) -> list[str]:
    """The models that the service lists. `credential` is ready for use. Raises UnavailableError with what it said
    instead."""
    protocol_id = provider.protocol("", credential)
    headers = [("accept", "application/json"), ("user-agent", USER_AGENT)]
    if protocol_id == "anthropic":
        headers.append(("anthropic-version", "2023-06-01"))
    call = Call(Operation.MODELS, protocol_id, "", False, b"", method="GET", headers=headers, translated=True)
    try:
        upstream = provider.build(call, credential)
        response = await _send(
            upstream.method, upstream.url, upstream.headers, upstream.body, credential, connect, patience
        )
        if response.status_code >= 300:
            fields = {n.lower(): v for n, v in response.headers.items()}
            info = registry.get(protocol_id).decode_error(response.status_code, fields, response.content)
            raise UnavailableError(_hidden(provider.judge(info), credential))
        return names_in(jsonio.loads(response.content))
    except TranslationError as error:
        raise UnavailableError(error.info) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, KeyError) as error:
        text = credential.hidden(f"it does not list its models: {error or type(error).__name__}")
        raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text)) from error


async def quotas(provider: Provider, credential: Credential, connect: Connect = outbound.client) -> list[Quota]:
    """What the service says is left. `credential` is ready for use. Raises UnavailableError with what it said
    instead."""
    try:
        async with connect(credential, QUOTA_PATIENCE) as client:
            return list(await provider.quotas(credential, client))
    except httpx.HTTPStatusError as error:
        text = credential.hidden(f"it does not say what is left: {error}")
        wait = waits.from_headers(error.response.headers)
        status = error.response.status_code
        raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text, status, retry_after=wait)) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        text = credential.hidden(f"it does not say what is left: {error or type(error).__name__}")
        raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text)) from error


def _hidden(error: ErrorInfo, credential: Credential) -> ErrorInfo:
    return replace(error, message=credential.hidden(error.message))


#: What a row of a list calls the name of its model.
_NAMES = ("id", "name", "slug", "modelId")


def names_in(body: Any) -> list[str]:
    """The names in a list of any dialect: `data[].id`, `models[].name` (Gemini, Ollama), `.slug` (Codex) or `.modelId`
    (Kiro), or the names of `models` where it is an object (Antigravity). Raises ValueError."""
    rows: Any = body
    if isinstance(body, dict):
        rows = body.get("data") if isinstance(body.get("data"), list) else body.get("models")
    if isinstance(rows, dict):
        rows = [{"id": name} for name in rows]
    if not isinstance(rows, list):
        raise ValueError("it is no list of models")
    found = [next(filter(None, map(row.get, _NAMES)), None) for row in rows if isinstance(row, dict)]
    names = [name.removeprefix("models/") for name in found if isinstance(name, str) and 0 < len(name) <= LONGEST]
    return list(dict.fromkeys(names))[:MOST]


async def _send(
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    body: bytes,
    credential: Credential,
    connect: Connect,
    patience: float = PATIENCE,
) -> httpx.Response:
    if not outbound.is_safe(url):
        raise ValueError(f"a credential is not sent to {url or 'nowhere'}: https is wanted, or this machine")
    async with connect(credential, patience) as client:
        return await client.request(method, url, headers=headers, content=body)


def _answer(protocol: Protocol, body: bytes, streamed: bool, names: NameMap) -> str:
    """The text of an answer, whole or streamed. Raises ValueError and the like for what is none."""
    if streamed:
        decoder = protocol.stream_decoder(names)
        answer = folded([*decoder.feed(body), *decoder.end()])
    else:
        parsed = jsonio.loads(body)
        answer = protocol.decode_response(parsed[0] if isinstance(parsed, list) else parsed, names)
    if answer.error is not None:
        raise ValueError(answer.error.message)
    if not answer.blocks and answer.stop is None:
        raise ValueError("no answer")
    return "".join(block.text for block in answer.blocks if isinstance(block, Text)).strip()
