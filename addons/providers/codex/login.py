"""Codex' device login, which has words of its own and ends in a code to be exchanged (codex.md §2)."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from addons.login.steps import Device, Pending, Reply, Steps, UnreachableError, printable
from addons.vault.tokens import Token

_JSON = {"accept": "application/json", "content-type": "application/json"}
_REDIRECT = "/deviceauth/callback"


class DeviceSteps(Steps):
    """`device_url` and `poll_url` take JSON, the token URL a form."""

    async def ask_device(self) -> Device:
        reply = await self._told("device_url", self.flow.device_url, {"client_id": self.client_id})
        identity = reply.data.get("device_auth_id")
        shown = reply.data.get("user_code") or reply.data.get("usercode")
        if reply.status >= 300 or not isinstance(identity, str) or not isinstance(shown, str):
            raise self.refusal(reply)
        url = printable(self.flow.verification_url)
        interval = _seconds(reply.data.get("interval"), self.flow.interval)
        return Device(identity, printable(shown), url, "", interval, self.flow.timeout, reply.data)

    async def poll(self, device: Device) -> Token | Pending:
        asked = {"device_auth_id": device.code, "user_code": device.user_code}
        reply = await self._told("poll_url", self.flow.poll_url, asked)
        if reply.status in self.flow.pending_statuses:
            return Pending()
        if reply.status >= 500 or not reply.data:
            raise UnreachableError(f"the service answered HTTP {reply.status}")
        code, verifier = reply.data.get("authorization_code"), reply.data.get("code_verifier")
        if reply.status >= 300 or not isinstance(code, str) or not isinstance(verifier, str):
            raise self.refusal(reply)
        self.verifier = verifier
        parts = urlsplit(self.token_url)
        self.redirect_uri = f"{parts.scheme}://{parts.netloc}{_REDIRECT}"
        return await self.exchange(code)

    async def _told(self, setting: str, default: str, fields: dict[str, str]) -> Reply:
        body = json.dumps(fields).encode()
        return await self.send("POST", self.address(setting, default), _JSON | self.identity, body)


def _seconds(value: object, otherwise: float) -> float:
    """The service writes its interval as a text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else otherwise
    except ValueError:
        return otherwise
    return seconds if 1 <= seconds <= 60 else otherwise
