"""Renews a token by OAuth's refresh grant, as a manifest's `[oauth]` table describes it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import httpx

from addons.providers import outbound
from addons.vault import oauth
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth, RefreshError
from addons.vault.tokens import Token


async def renew(
    how: OAuth,
    token: Token,
    credential: Credential,
    client: httpx.AsyncClient,
    identity: Sequence[tuple[str, str]] = (),
) -> Token:
    """One POST, with the headers of `identity`. The credential's settings `token_url` and `client_id` go before the
    manifest's; a client secret is a field of its secret, or a setting. Raises RefreshError."""
    url = credential.setting("token_url", how.token_url)
    if not outbound.is_safe(url):
        raise RefreshError(f"a login is not sent to {url or 'nowhere'}: set token_url to an https address", final=True)
    client_id = credential.setting("client_id", how.client_id)
    client_secret = credential.secret_field("client_secret") or credential.setting("client_secret")
    answer = await post(client, url, *oauth.request_body(how, token, client_id, client_secret), identity)
    return oauth.renewed(how, token, answer.status_code, answer.headers, answer.content, time.time())


async def post(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, identity: Sequence[tuple[str, str]]
) -> httpx.Response:
    """The headers of `identity` go before the others. Raises RefreshError."""
    try:
        return await client.post(url, headers={**headers, **{n.lower(): value for n, value in identity}}, content=body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = str(error) or type(error).__name__
        raise RefreshError(f"the token service cannot be reached: {text}") from error
