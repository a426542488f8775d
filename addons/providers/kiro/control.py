"""Kiro's control plane: an account's profiles and what is left of its limits (kiro.md §5.4, §9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx

from addons.providers import outbound
from addons.providers.api import Headers, UnavailableError
from addons.providers.kiro import errors
from addons.providers.kiro.account import Account
from addons.providers.kiro.dialect import LEGACY
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind

Json = dict[str, Any]
Judge = Callable[[ErrorInfo], ErrorInfo]

LIST_PROFILES = "AmazonCodeWhispererService.ListAvailableProfiles"
#: Pages of profiles that are read at most.
PAGES = 10
_AWS_JSON = "application/x-amz-json-1.0"


class Control:
    """Calls for one credential, which is ready for use; `headers` identify the client and carry the token. They raise
    UnavailableError or httpx.HTTPError."""

    def __init__(self, credential: Credential, client: httpx.AsyncClient, headers: Headers, judge: Judge) -> None:
        self._credential, self._client, self._headers, self._judge = credential, client, headers, judge
        self._account = Account.of(credential)

    async def profile(self) -> str:
        """The ARN of the account's profile, the first that the service lists if the one that is set is none of them.
        It is looked for in each region (§4: a valid token gets a 403 in a region that is not its own)."""
        own = self._credential.setting("management_url")
        refused: UnavailableError | None = None
        for base in [own] if own else map(self._account.management, self._account.regions):
            try:
                found = await self._profiles(base.rstrip("/"))
            except UnavailableError as error:
                if error.info.status != 403 or error.info.out_of_service:
                    raise
                refused = refused or error
                continue
            if found:
                return self._account.arn if self._account.arn in found else found[0]
        if refused is not None:
            raise refused
        text = f"{self._credential.name}: the account has no Kiro profile; sign in to Kiro once"
        raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text, 502))

    async def usage(self) -> Json:
        """The answer of GetUsageLimits."""
        url = self._credential.setting("quota_url") or f"{base(self._credential)}/getUsageLimits"
        query = "origin=AI_EDITOR&resourceType=AGENTIC_REQUEST&isEmailRequired=true"
        if self._account.sends_arn:
            query += f"&profileArn={quote(self._account.arn, safe='')}"
        return await self._send("GET", f"{url}{'&' if '?' in url else '?'}{query}")

    # -- within

    async def _profiles(self, at: str) -> list[str]:
        legacy = self._account.dialect is LEGACY
        url = f"{at}/ListAvailableProfiles" if legacy else f"{at}/"
        headers = (
            [("content-type", "application/json")]
            if legacy
            else [
                ("content-type", _AWS_JSON),
                ("x-amz-target", LIST_PROFILES),
            ]
        )
        found: list[str] = []
        body: Json = {}
        for _ in range(PAGES):
            answer = await self._send("POST", url, headers, json.dumps(body).encode())
            rows = answer.get("profiles")
            arns = [row.get("arn") for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict)]
            found += [arn for arn in arns if isinstance(arn, str) and arn]
            following = answer.get("nextToken")
            if not isinstance(following, str) or not following:
                break
            body = {"nextToken": following}
        return found

    async def _send(self, method: str, url: str, headers: Headers | None = None, body: bytes | None = None) -> Json:
        if not outbound.is_safe(url):
            text = f"a credential is not sent to {url}: https is wanted, or this machine"
            raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text, 502))
        answer = await self._client.request(method, url, headers=[*(headers or ()), *self._headers], content=body)
        if answer.status_code >= 300:
            fields = {name.lower(): value for name, value in answer.headers.items()}
            raise UnavailableError(self._judge(errors.decode_error(answer.status_code, fields, answer.content)))
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise UnavailableError(ErrorInfo(ErrorKind.SERVER, "Kiro's control plane did not answer in JSON", 502))
        return told


def base(credential: Credential) -> str:
    """The control plane's address, without a slash at its end."""
    return (credential.setting("management_url") or Account.of(credential).management()).rstrip("/")


def models_url(credential: Credential) -> str:
    """Where the account's models are listed (§5.4)."""
    account = Account.of(credential)
    if account.dialect is LEGACY:
        url = f"{base(credential)}/ListAvailableModels?origin=AI_EDITOR"
    else:
        url = f"{base(credential)}/List-Available-Models?origin=KIRO_CLI"
    return f"{url}&profileArn={quote(account.arn, safe='')}" if account.sends_arn else url
