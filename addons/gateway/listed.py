"""Asks backends which models they have, for the model lists: quickly, seldom, and never at the price of an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from addons.gateway.prepare import USER_AGENT
from addons.providers import outbound
from addons.providers.api import Call, Operation, Provider, UnavailableError
from addons.vault.credential import Credential
from translators import jsonio
from translators.canonical.errors import TranslationError

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds for an answer
KEPT = 300.0  # seconds that an answer is good for
KEPT_FAILURE = 30.0  # seconds until a backend that gave none is asked again
MOST = 1000  # names of one backend; a router's list may have no end
LONGEST = 200

Connect = Callable[[Credential, float], httpx.AsyncClient]


@dataclass(frozen=True, slots=True)
class Known:
    """What a credential's backend answered, good until then (monotonic seconds)."""

    credential: Credential
    until: float
    names: tuple[str, ...]


class Listed:
    """Remembers answers by credential; a credential that was changed is asked anew."""

    def __init__(self, connect: Connect | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect or outbound.client
        self._now = now
        self._known: dict[str, Known] = {}

    async def of(self, asked: Sequence[tuple[Provider, Credential]]) -> Mapping[str, tuple[str, ...]]:
        """Credential name → model names; nothing for those that cannot be asked or do not answer in time."""
        due = [pair for pair in asked if pair[0].manifest.lists_models and self._is_due(pair[1])]
        await asyncio.gather(*(self._learn(provider, credential) for provider, credential in due))
        names = [credential.name for _, credential in asked]
        return {name: self._known[name].names for name in names if name in self._known}

    def _is_due(self, credential: Credential) -> bool:
        known = self._known.get(credential.name)
        return known is None or known.credential != credential or known.until <= self._now()

    async def _learn(self, provider: Provider, credential: Credential) -> None:
        """Failures keep what was known."""
        known = self._known.get(credential.name)
        old = known.names if known is not None and known.credential == credential else ()
        try:
            names = await asyncio.wait_for(self._ask(provider, credential), PATIENCE)
            kept = KEPT
        except (httpx.HTTPError, OSError, ValueError, UnavailableError, TranslationError) as error:
            log.debug("proxycast: %s does not list its models: %s", credential.name, error or type(error).__name__)
            names, kept = old, KEPT_FAILURE
        except Exception:
            log.exception("proxycast: asking %s for its models failed", credential.name)
            names, kept = old, KEPT_FAILURE
        self._known[credential.name] = Known(credential, self._now() + kept, names)

    async def _ask(self, provider: Provider, credential: Credential) -> tuple[str, ...]:
        """One GET. Raises for whatever is no list."""
        ready = await provider.acquire(credential)
        protocol = provider.protocol("", ready)
        headers = [("accept", "application/json"), ("user-agent", USER_AGENT)]
        if protocol == "anthropic":
            headers.append(("anthropic-version", "2023-06-01"))
        call = Call(Operation.MODELS, protocol, "", False, b"", method="GET", headers=headers, translated=True)
        upstream = provider.build(call, ready)
        if not outbound.is_safe(upstream.url):
            raise ValueError("its base URL is not safe")
        async with self._connect(ready, PATIENCE) as client:
            response = await client.get(upstream.url, headers=upstream.headers)
        response.raise_for_status()
        names = names_in(jsonio.loads(response.content))
        return tuple(name for name in names if provider.serves(name, credential))


def names_in(body: Any) -> list[str]:
    """The model names in a list of any dialect: `data[].id`, Gemini's and Ollama's `models[].name`. Raises ValueError
    for what is none."""
    rows = body
    if isinstance(body, dict):
        rows = body["data"] if "data" in body else body.get("models")
    if not isinstance(rows, list):
        raise ValueError("it is no list of models")
    found = [row.get("id") or row.get("name") for row in rows if isinstance(row, dict)]
    names = [name.removeprefix("models/") for name in found if isinstance(name, str) and 0 < len(name) <= LONGEST]
    return list(dict.fromkeys(names))[:MOST]
