"""Signing in to iFlow: behind the token stands the API key that calls models; or a cookie gives it (§2, §3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from addons.login.errors import LoginError
from addons.login.steps import Steps
from addons.providers.api import Headers
from addons.providers.iflow import account, client_secret
from addons.providers.iflow.account import AccountError
from addons.vault.tokens import Token

#: The token that gives the API key, in Token.extra.
OAUTH_TOKEN = "oauth_token"  # noqa: S105 - a name


class BrowserSteps(Steps):
    async def begin(self) -> None:
        if not self.client_secret:
            self.client_secret = await asyncio.to_thread(client_secret.find, self.client_id)
        await super().begin()

    async def finish(self, token: Token) -> Token:
        try:
            known = await account.user_info(token.access, self.draft, self.client)
        except AccountError as error:
            raise LoginError(str(error)) from None
        # Kept with the login: it is renewed with it, also when the client is no longer installed.
        self.extra |= {OAUTH_TOKEN: token.access, "client_secret": self.client_secret}
        if known.email:
            self.settings["account"] = known.email
        return replace(token, access=known.api_key)


class CookieSteps(Steps):
    #: what a browser says of itself when it asks for a key, and when it makes one
    asking: Headers
    making: Headers

    async def redeem(self, secret: str) -> Token:
        try:
            cookie = account.cookie_of(secret)
            return await account.by_cookie(cookie, self.draft, self.client, self.asking, self.making, anew=False)
        except AccountError as error:
            raise LoginError(str(error)) from None
