"""Asks credentials that keep failing, from time to time, whether they answer again: the only way back for them.

A probe is the cheapest thing a provider has: its list of models, which costs no tokens.
"""

from __future__ import annotations

import asyncio
import logging
import time

import httpx
from mitmproxy import ctx

from addons.gateway.services import Services
from addons.providers import outbound
from addons.providers.api import Call, Operation, Provider, UnavailableError
from addons.providers.registry import UnknownProviderError
from addons.vault.credential import Credential

INTERVAL = 2.0  # seconds between two looks at what is due
TIMEOUT = 10.0
log = logging.getLogger(__name__)


async def answers(provider: Provider, credential: Credential) -> bool:
    """Whether the credential's service gives any sensible answer: below 500, and not a refusal of the secret."""
    protocol = provider.protocol("", credential)
    try:
        credential = await provider.acquire(credential)
        call = Call(Operation.MODELS, protocol, "", False, b"", method="GET", translated=True)
        upstream = provider.build(call, credential)
        if not outbound.is_safe(upstream.url):
            return False
        async with outbound.client(credential, TIMEOUT) as client:
            response = await client.request("GET", upstream.url, headers=upstream.headers)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnavailableError, ValueError):
        return False
    return response.status_code < 500 and response.status_code not in (401, 403, 429)


class Probe:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while not ctx.master.should_exit.is_set():
            await asyncio.sleep(INTERVAL)
            due = self._services.pool.standings.due_probes(time.time())
            if due:
                await asyncio.gather(*(self._probe(name) for name in due))

    async def _probe(self, name: str) -> None:
        pool = self._services.pool
        credential = self._services.state.credentials.get(name)
        if credential is None:
            return
        try:
            provider = self._services.providers.get(credential.provider)
            well = await answers(provider, await self._services.refresher.acquire(provider, credential))
        except (UnknownProviderError, UnavailableError):
            well = False
        except Exception:
            log.exception("proxycast: probing %s failed", name)
            well = False
        pool.probed(name, well=well, now=time.time())
