"""Brings credentials back: asks those that keep failing, from time to time, whether they answer again, and looks for
another login of those whose login is over.

A probe is the cheapest thing a provider has: its list of models, which costs no tokens.
"""

from __future__ import annotations

import asyncio
import logging
import time

import httpx
from mitmproxy import ctx

from addons.gateway import ready
from addons.gateway.services import Services
from addons.gateway.upkeep.background import Background
from addons.providers import outbound
from addons.providers.api import Call, Operation, Provider, UnavailableError
from addons.providers.registry import UnknownProviderError
from addons.vault.credential import Credential
from translators.canonical.errors import TranslationError

INTERVAL = 2.0  # seconds between two looks at what is due
TIMEOUT = 10.0
log = logging.getLogger(__name__)


async def answers(provider: Provider, credential: Credential) -> bool:
    """Whether the credential's service gives any sensible answer: below 500, and not a refusal of the secret (a 403 is
    none: many keys may do all but list models); also where the gateway may ask it nothing of its own accord, so that
    the next request tells. `credential` is ready for use."""
    protocol = provider.protocol("", credential)
    try:
        call = Call(Operation.MODELS, protocol, "", False, b"", method="GET", translated=True)
        upstream = provider.build(call, credential)
        if not outbound.is_safe(upstream.url):
            return False
        async with outbound.client(credential, TIMEOUT) as client:
            response = await client.request("GET", upstream.url, headers=upstream.headers)
    except TranslationError:
        return True
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return False
    return response.status_code < 500 and response.status_code not in (401, 429)


class Probe:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._background = Background(self._watch)

    def running(self) -> None:
        self._background.start()

    def done(self) -> None:
        self._background.stop()

    async def _watch(self) -> None:
        while not ctx.master.should_exit.is_set():
            await asyncio.sleep(INTERVAL)
            try:
                self._look_at_logins()
            except Exception:
                log.exception("proxycast: looking for new logins failed")
            due = self._services.pool.standings.due_probes(time.time())
            if due:
                await asyncio.gather(*(self._probe(name) for name in due))

    def _look_at_logins(self) -> None:
        pool, now = self._services.pool, time.time()
        for name, basis in pool.standings.over_logins(now):
            credential = self._services.state.credentials.get(name)
            if credential is None:
                continue
            try:
                provider = self._services.providers.get(credential.provider)
            except UnknownProviderError:
                continue
            if self._services.refresher.basis(provider, credential) != basis:
                pool.back(name, now)

    async def _probe(self, name: str) -> None:
        pool = self._services.pool
        credential = self._services.state.credentials.get(name)
        if credential is None or not credential.enabled:
            return
        try:
            provider = self._services.providers.get(credential.provider)
            well = await answers(provider, await ready.acquire(self._services, provider, credential))
        except (UnknownProviderError, UnavailableError):
            well = False
        except Exception:
            log.exception("proxycast: probing %s failed", name)
            well = False
        pool.probed(name, well=well, now=time.time())
