"""Asks backends which models they have, for the model lists: quickly, seldom, and never at the price of an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from addons.providers import asking, outbound
from addons.providers.api import Provider, UnavailableError
from addons.providers.asking import Connect
from addons.vault.credential import Credential

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds for an answer
KEPT = 300.0  # seconds that an answer is good for
KEPT_FAILURE = 30.0  # seconds until a backend that gave none is asked again

Acquire = Callable[[Provider, Credential], Awaitable[Credential]]


@dataclass(frozen=True, slots=True)
class Known:
    """What a credential's backend answered, good until then (monotonic seconds)."""

    credential: Credential
    until: float
    names: tuple[str, ...]


class Listed:
    """Remembers answers by credential; a credential that was changed is asked anew. `acquire` makes one ready."""

    def __init__(
        self,
        acquire: Acquire = lambda provider, credential: provider.acquire(credential),
        connect: Connect = outbound.client,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._acquire = acquire
        self._connect = connect
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
        except (TimeoutError, UnavailableError) as error:
            log.debug("proxycast: %s does not list its models: %s", credential.name, error or type(error).__name__)
            names, kept = old, KEPT_FAILURE
        except Exception:
            log.exception("proxycast: asking %s for its models failed", credential.name)
            names, kept = old, KEPT_FAILURE
        self._known[credential.name] = Known(credential, self._now() + kept, names)

    async def _ask(self, provider: Provider, credential: Credential) -> tuple[str, ...]:
        """Raises for whatever is no list."""
        ready = await self._acquire(provider, credential)
        names = await asking.models(provider, ready, self._connect, PATIENCE)
        return tuple(name for name in names if provider.serves(name, credential))
