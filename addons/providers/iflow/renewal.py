"""Renews an iFlow login: new tokens and the API key behind them, or a new key for a cookie (iflow.md §2, §3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import httpx

from addons.providers import oauth_grant
from addons.providers.iflow import account, client_secret
from addons.providers.iflow.account import AccountError
from addons.providers.iflow.login import OAUTH_TOKEN
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth, RefreshError
from addons.vault.tokens import Token

#: Seconds between two tries to get the key for tokens that are there.
AGAIN = (0.5, 2.0)


async def by_cookie(
    token: Token,
    credential: Credential,
    client: httpx.AsyncClient,
    asking: Sequence[tuple[str, str]],
    making: Sequence[tuple[str, str]],
) -> Token:
    """Raises RefreshError."""
    try:
        return await account.by_cookie(token.refresh, credential, client, asking, making, anew=True)
    except AccountError as error:
        raise RefreshError(str(error), final=error.final) from None


async def by_token(
    how: OAuth,
    token: Token,
    credential: Credential,
    client: httpx.AsyncClient,
    identity: Sequence[tuple[str, str]],
) -> Token:
    """Raises RefreshError."""
    client_id = credential.setting("client_id", how.client_id)
    if not (credential.secret_field("client_secret") or credential.setting("client_secret")):
        found = await asyncio.to_thread(client_secret.find, client_id)
        if not found:
            raise RefreshError(
                "its client secret is needed: install iFlow CLI, which has it, or set client_secret", final=True
            )
        credential = replace(credential, settings={**credential.settings, "client_secret": found})
    new = await oauth_grant.renew(how, token, credential, client, identity)
    fresh = replace(new, extra={**new.extra, OAUTH_TOKEN: new.access})
    for wait in (*AGAIN, None):
        try:
            known = await account.user_info(new.access, credential, client)
        except AccountError:
            # The old refresh token is spent: whatever happens, the new one is kept.
            if wait is not None:
                await asyncio.sleep(wait)
            continue
        return replace(fresh, access=known.api_key)
    key = token.access if token.access != token.extra.get(OAUTH_TOKEN) else ""
    return replace(fresh, access=key or new.access, expires=new.expires if key else time.time())
