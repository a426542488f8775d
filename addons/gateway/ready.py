"""Makes a credential ready for use: its token renewed, its provider asked; what ends it is told to the pool."""

from __future__ import annotations

import logging
import time

from addons.gateway.services import Services
from addons.pool.refresh import LoginOverError
from addons.providers.api import Provider, UnavailableError
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind

log = logging.getLogger(__name__)


async def acquire(services: Services, provider: Provider, credential: Credential) -> Credential:
    """The credential as it can be sent now, its secrets known to those who must hide them. Raises UnavailableError."""
    try:
        ready = await _asked(services, provider, await services.refresher.acquire(provider, credential))
    except UnavailableError as error:
        note(services, credential, error)
        raise
    except Exception as error:
        log.exception("proxycast: making %s ready failed", credential.name)
        text = f"the credential could not be made ready ({type(error).__name__})"
        raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text, status=502)) from error
    if ready is not credential:
        services.refresher.note_all(ready)
    return ready


async def _asked(services: Services, provider: Provider, credential: Credential) -> Credential:
    """What the provider makes of it; once more with another token where its service has refused the one there is."""
    try:
        return await provider.acquire(credential)
    except UnavailableError as error:
        if error.info.status != 401 or error.info.out_of_service:
            raise
        renewed = await services.refresher.renew(provider, credential)
        if renewed is None or renewed.secret == credential.secret:
            raise
    return await provider.acquire(renewed)


def note(services: Services, credential: Credential, error: UnavailableError) -> None:
    """A login that is over, or an account that is closed, ends its credential: nobody else can be told."""
    basis = error.basis if isinstance(error, LoginOverError) else ""
    if basis or error.info.out_of_service:
        cause = services.redactor.text(error.info.message)
        services.pool.over(credential.name, cause, basis, time.time())
