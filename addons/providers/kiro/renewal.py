"""Renews a login of Kiro in the way of its kind: social, IAM Identity Center, an organisation's own (kiro.md §2)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx

from addons.providers import oauth_grant, outbound
from addons.providers.kiro.account import Account, Method
from addons.vault import oauth
from addons.vault.credential import Credential
from addons.vault.oauth import OAuth, RefreshError
from addons.vault.tokens import Token

#: §2.1
SOCIAL_URL = "https://prod.us-east-1.auth.desktop.kiro.dev/refreshToken"
#: §1.1: a shorter refresh token is a shortened copy.
SHORTEST = 100
_CAMEL = {"access_token": "accessToken", "refresh_token": "refreshToken", "expires_in": "expiresIn"}
#: How each kind's answer is read.
_ANSWERS = {
    Method.SOCIAL: OAuth("", answer=_CAMEL, terminal_statuses=(400, 401)),
    Method.IDC: OAuth("", answer=_CAMEL),
    Method.EXTERNAL: OAuth(""),
}


async def renew(
    token: Token, credential: Credential, client: httpx.AsyncClient, identity: Sequence[tuple[str, str]]
) -> Token:
    """One POST with the headers of `identity`. Raises RefreshError."""
    account = Account.of(credential, token.extra)
    if account.method is Method.API_KEY:
        raise RefreshError("an API key is not renewed", final=True)
    _check(token, account)
    url = credential.setting("token_url") or _url(account)
    if not outbound.is_safe(url):
        raise RefreshError(f"a login is not sent to {url or 'nowhere'}: sign in to Kiro again", final=True)
    answer = await oauth_grant.post(client, url, *_post(token, account), identity)
    how = _ANSWERS[account.method]
    new = oauth.renewed(how, token, answer.status_code, answer.headers, answer.content, time.time())
    return Token(new.access, new.refresh, new.expires, _kept(token.extra, answer))


def _check(token: Token, account: Account) -> None:
    """What the service would refuse anyway, told so that its owner knows what to do."""
    if account.method is not Method.EXTERNAL and (len(token.refresh) < SHORTEST or "..." in token.refresh):
        raise RefreshError("its file holds a shortened refresh token: sign in to Kiro again", final=True)
    registered = account.login.get("client_id") and account.login.get("client_secret")
    if account.method is Method.IDC and not registered:
        text = "the registration that belongs to the login is not there: sign in to Kiro again"
        raise RefreshError(text, final=True)


def _url(account: Account) -> str:
    match account.method:
        case Method.IDC:
            return f"https://oidc.{account.login_region}.amazonaws.com/token"
        case Method.EXTERNAL:
            return str(account.login.get("token_endpoint") or "")
    return SOCIAL_URL


def _post(token: Token, account: Account) -> tuple[dict[str, str], bytes]:
    """→ (headers, body)."""
    login = account.login
    match account.method:
        case Method.IDC:
            fields: dict[str, Any] = {
                "clientId": login.get("client_id"),
                "clientSecret": login.get("client_secret"),
                "refreshToken": token.refresh,
                "grantType": "refresh_token",
            }
        case Method.EXTERNAL:
            form = {"grant_type": "refresh_token", "refresh_token": token.refresh}
            form["client_id"] = str(login.get("client_id") or "")
            if scope := _scope(login):
                form["scope"] = scope
            return {"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
        case _:
            fields = {"refreshToken": token.refresh}
    return {"content-type": "application/json"}, json.dumps(fields).encode()


def _scope(login: Mapping[str, Any]) -> str:
    """One text in some files, a list in others (§1.4)."""
    found = login.get("scopes")
    if isinstance(found, list):
        return " ".join(scope for scope in found if isinstance(scope, str))
    return found if isinstance(found, str) else ""


def _kept(extra: Mapping[str, Any], answer: httpx.Response) -> dict[str, Any]:
    """What belongs to the login, with the profile that the answer may name (§2.1)."""
    told = answer.json().get("profileArn")
    return {**extra, "profile_arn": told} if isinstance(told, str) and told else dict(extra)
