"""Signing in to Kiro: by device code at AWS' sign-in or at Kiro's own, or in the browser through Kiro's portal
(kiro.md §3)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from addons.login.errors import LoginError
from addons.login.steps import Callback, Device, Reply, Steps
from addons.providers.kiro.account import DEFAULT_REGION, is_region
from addons.vault.tokens import Token

#: §3.1: how this client calls itself when it registers; the scopes are the flow's.
CLIENT_NAME = "Kiro CLI"
BUILDER_ID = "https://view.awsapps.com/start"
#: Seconds that a login holds where the answer does not say (§1.1: the shortest that is known).
SHORTEST = 3600.0
#: What a portal's callback says of the way that its user chose (§3.4), and the flow that is for the others.
_SOCIAL = {"google": "Google", "github": "Github"}
_OTHERS = {"builderid": "builder-id", "awsidc": "identity-center", "internal": "identity-center"}


class OidcSteps(Steps):
    """§3.1: a registration of this client, which belongs to the login, then a device code."""

    async def begin(self) -> None:
        region = self.draft.setting("region", DEFAULT_REGION)
        if not is_region(region):
            raise LoginError(f"{region!r} is no region of AWS")
        start = self.draft.setting("start_url", BUILDER_ID)
        root = f"https://oidc.{region}.amazonaws.com"
        self.form = replace(self.form, token_url=f"{root}/token")
        self.flow = replace(self.flow, device_url=f"{root}/device_authorization", device_parameters={"startUrl": start})
        reply = await self.post(
            self.address("register_url", f"{root}/client/register"),
            {
                "clientName": CLIENT_NAME,
                "clientType": "public",
                "scopes": list(self.flow.scopes),
                "grantTypes": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
            },
        )
        made = {name: reply.data.get(name) for name in ("clientId", "clientSecret")}
        if reply.status >= 300 or not all(isinstance(value, str) and value for value in made.values()):
            raise self.refusal(reply)
        self.client_id, self.client_secret = str(made["clientId"]), str(made["clientSecret"])
        self.extra = {
            "auth_method": "IdC",
            "provider": "BuilderId" if start == BUILDER_ID else "Enterprise",
            "region": region,
            "start_url": start,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "client": "cli",
        }

    def token(self, reply: Reply) -> Token:
        return replace(super().token(reply), extra={})


class SocialSteps(Steps):
    """§3.2: a device code of Kiro's own sign-in."""

    async def ask_device(self) -> Device:
        device = await super().ask_device()
        # Times of the device's answer are in milliseconds and called so; those of the login are not.
        self.form = replace(self.form, answer={**self.form.answer, "expires_in": "expiresIn"})
        return device

    def token(self, reply: Reply) -> Token:
        return _social(super().token(reply), reply.data)


class PortalSteps(Steps):
    """§3.4: the portal asks its user for the way; what comes back of a social one is exchanged here (§3.3)."""

    option = ""

    def authorize_url(self) -> str:
        fields = {"redirect_uri": self._root, "state": self.state, **self._challenge(), **self.flow.query}
        return f"{self.address('authorize_url', self.flow.authorize_url)}?{urlencode(fields)}"

    def code(self, callback: Callback) -> str:
        option = callback.query.get("login_option", "").lower()
        if option in _OTHERS:
            raise LoginError(f"that way to sign in is another login: --flow {_OTHERS[option]}")
        if option not in _SOCIAL or not callback.path:
            raise LoginError("what came back does not say how its user signed in: the whole address is wanted")
        self.option = _SOCIAL[option]
        self.redirect_uri = f"{self._root}{callback.path}?login_option={option}"
        return super().code(callback)

    def token(self, reply: Reply) -> Token:
        return _social(super().token(reply), {"identityProvider": self.option, **reply.data})

    @property
    def _root(self) -> str:
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"


def _social(token: Token, told: dict[str, Any]) -> Token:
    extra = {
        "auth_method": "social",
        "provider": told.get("identityProvider"),
        "profile_arn": told.get("profileArn"),
        "client": "cli",
    }
    expires = time.time() + SHORTEST if token.expires is None else token.expires
    return replace(token, expires=expires, extra={name: value for name, value in extra.items() if value})


#: Flow of the manifest → its steps.
STEPS: dict[str, type[Steps]] = {
    "builder-id": OidcSteps,
    "identity-center": OidcSteps,
    "google": SocialSteps,
    "github": SocialSteps,
    "browser": PortalSteps,
}
