"""The host's services for plugins: each call checked against what the user granted, and kept within limits."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from addons.plugins.bridge import rpc
from addons.plugins.bridge.database import Database, DatabaseError
from addons.plugins.bridge.hosting import Hosting
from addons.plugins.bridge.limits import MIB, Pace
from addons.plugins.bridge.protocol import ShapeError
from addons.plugins.bridge.rpc import Json, RpcError
from addons.plugins.bridge.web import NO_CREDENTIAL, Web, WebError, WebRequest
from addons.plugins.folder import Plugin
from addons.vault.cipher import VaultError
from addons.vault.credential import Credential

log = logging.getLogger("proxycast.plugins")
#: Notices a second, and at once; characters of one.
NOTICES, NOTICES_AT_ONCE, LONGEST_NOTICE = 0.2, 10, 500
#: Events a second, and at once; bytes of one.
EVENTS, EVENTS_AT_ONCE, LONGEST_EVENT = 20.0, 100, 64 * 1024
LONGEST_SECRET = MIB


class Sdk:
    """Serves one plugin. `deliver` hands it an event; `credentials` are those that it was given (name → credential)."""

    def __init__(
        self, plugin: Plugin, hosting: Hosting, deliver: Callable[[str, Json], None], credentials: dict[str, Credential]
    ) -> None:
        self._name, self._hosting, self._deliver = plugin.name, hosting, deliver
        self._credentials = credentials
        self.granted = plugin.granted
        self._database, self._web = Database(plugin.data), Web()
        self._fernet: Fernet | None = None
        self._notices, self._events = Pace(NOTICES, NOTICES_AT_ONCE), Pace(EVENTS, EVENTS_AT_ONCE)

    async def serve(self, method: str, params: Json) -> Any:
        """Raises RpcError."""
        known = _METHODS.get(method)
        if known is None:
            raise RpcError(rpc.METHOD_NOT_FOUND, f"there is no method {method[:60]!r}")
        permission, work = known
        if permission and permission not in self.granted:
            raise RpcError(
                rpc.PERMISSION_DENIED, f"{method} needs the permission {permission}, which its user has not granted"
            )
        try:
            return await work(self, params)
        except ShapeError as error:
            raise RpcError(rpc.INVALID_PARAMS, str(error).replace("answered", "asked", 1)) from None
        except (DatabaseError, WebError) as error:
            raise RpcError(rpc.FAILED, str(error)) from None
        except VaultError:
            raise RpcError(rpc.FAILED, "the vault is locked") from None

    async def close(self) -> None:
        self._hosting.bus.off(self)
        await self._database.close()
        await self._web.close()

    # -- one method a service

    async def _query(self, params: Json) -> Json:
        return await self._database.query(_text(params, "sql", MIB), params.get("params"))

    async def _execute(self, params: Json) -> Json:
        return await self._database.execute(_text(params, "sql", MIB), params.get("params"))

    async def _request(self, params: Json) -> Json:
        asked = WebRequest.of(params, "http.request")
        credential = NO_CREDENTIAL
        if asked.credential:
            found = self._credentials.get(asked.credential)
            if found is None:
                raise RpcError(rpc.INVALID_PARAMS, "that credential was not given to this plugin")
            credential = found
        return await self._web.request(asked, credential)

    async def _cipher(self) -> Fernet:
        if self._fernet is None:
            self._fernet = await asyncio.to_thread(self._hosting.cipher, self._name)
        return self._fernet

    async def _encrypt(self, params: Json) -> Json:
        text = _text(params, "text", LONGEST_SECRET)
        cipher = await self._cipher()
        return {"sealed": cipher.encrypt(text.encode("utf-8", "surrogatepass")).decode("ascii")}

    async def _decrypt(self, params: Json) -> Json:
        sealed = _text(params, "sealed", 2 * LONGEST_SECRET)
        cipher = await self._cipher()
        try:
            return {"text": cipher.decrypt(sealed.encode("utf-8", "replace")).decode("utf-8", "surrogatepass")}
        except InvalidToken:
            raise RpcError(rpc.FAILED, "it was not sealed by this plugin with this vault's key") from None

    async def _success(self, params: Json) -> Json:
        return await self._notify("success", params)

    async def _error(self, params: Json) -> Json:
        return await self._notify("error", params)

    async def _info(self, params: Json) -> Json:
        return await self._notify("info", params)

    async def _notify(self, level: str, params: Json) -> Json:
        text = _text(params, "message", LONGEST_NOTICE)
        if not self._notices.spare():
            raise RpcError(rpc.LIMIT_REACHED, "too many notices")
        clean = "".join(c if c.isprintable() else " " for c in self._hosting.redact(text))
        with suppress(sqlite3.Error):
            await asyncio.to_thread(self._hosting.tell, self._name, level, clean)
        return {}

    async def _emit(self, params: Json) -> Json:
        topic, data = _text(params, "topic", 100), params.get("data", {})
        if not isinstance(data, dict) or len(rpc.notification(topic, data)) > LONGEST_EVENT:
            raise RpcError(rpc.INVALID_PARAMS, f"data is an object of up to {LONGEST_EVENT} bytes")
        if not self._events.spare():
            raise RpcError(rpc.LIMIT_REACHED, "too many events")
        return {"told": self._hosting.bus.emit(f"plugin.{self._name}.{topic}", data)}

    async def _on(self, params: Json) -> Json:
        try:
            self._hosting.bus.on(self, self._name, _text(params, "topic", 100), self._deliver)
        except ValueError as error:
            raise RpcError(rpc.LIMIT_REACHED, str(error)) from None
        return {}


def _text(params: Json, name: str, longest: int) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value or len(value) > longest:
        raise RpcError(rpc.INVALID_PARAMS, f"{name!r} is a text of up to {longest} characters")
    return value


#: Method → the permission it needs ("" = none), and what does it.
_METHODS: dict[str, tuple[str, Callable[[Sdk, Json], Awaitable[Json]]]] = {
    "database.query": ("database:read", Sdk._query),
    "database.execute": ("database:write", Sdk._execute),
    "http.request": ("http:request", Sdk._request),
    "crypto.encrypt": ("crypto:encrypt", Sdk._encrypt),
    "crypto.decrypt": ("crypto:encrypt", Sdk._decrypt),
    "notify.success": ("", Sdk._success),
    "notify.error": ("", Sdk._error),
    "notify.info": ("", Sdk._info),
    "events.emit": ("", Sdk._emit),
    "events.on": ("", Sdk._on),
}
#: Method → permission, for the documentation's test.
SERVICES = {method: permission for method, (permission, _) in _METHODS.items()}
