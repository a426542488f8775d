"""Keeps logins fresh: ahead of expiry, one refresh at a time for a token family however many credentials, requests and
processes want it, and never at the price of the old refresh token (field.md, cases 61 to 66).

A lock is held over read → decide → post → write. What another process or the login's own tool has written meanwhile is
adopted; nobody's newer login is overwritten.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from addons.providers import outbound
from addons.providers.api import Provider, UnavailableError
from addons.vault import locks
from addons.vault.cipher import VaultError
from addons.vault.credential import Credential
from addons.vault.locks import family
from addons.vault.oauth import OAuth, RefreshError
from addons.vault.store import NotFoundError, StateStore
from addons.vault.token_sources import LoginError, TokenSource, source_of
from addons.vault.tokens import Token
from translators.canonical.errors import ErrorInfo, ErrorKind

log = logging.getLogger(__name__)

#: A token is not sent any more this many seconds before it expires: clocks differ, requests take time.
MARGIN = 30.0
#: Seconds until the 2nd and 3rd try of one refresh; then until the next refresh after the n-th that failed in a row.
AGAIN = (0.5, 2.0)
BACKOFF = (5.0, 10.0, 20.0, 60.0, 120.0, 300.0)
#: What a token service's own retry-after is held to, in seconds (claude_oauth.md §2).
SHORTEST, LONGEST = 5.0, 300.0
#: Seconds for one answer of the token service, and for another process to be done.
POST_SECONDS = 15.0
LOCK_SECONDS = 90.0
#: What else of a login must not be shown (foreign_files.py names the parts).
SECRET_PARTS = ("client_secret", "id_token", "api_key")
#: Tokens that are kept out of sight after they were used.
REMEMBERED = 4096

Connect = Callable[[Credential, float], httpx.AsyncClient]


class LoginOverError(UnavailableError):
    """A login that nothing but another one can mend. `basis` is its fingerprint, as `Refresher.basis` gives it."""

    def __init__(self, message: str, basis: str) -> None:
        super().__init__(ErrorInfo(ErrorKind.AUTHENTICATION, message, 401, code="login_expired"))
        self.basis = basis


@dataclass(frozen=True, slots=True)
class Pause:
    """No further refresh of a family until then (monotonic seconds; None = never, with this refresh token)."""

    until: float | None
    failures: int
    error: RefreshError


class Refresher:
    """One a process. `folder` is where the locks are: the home, which all processes share."""

    def __init__(self, state: StateStore, folder: Path, connect: Connect = outbound.client) -> None:
        self._state, self._folder, self._connect = state, folder, connect
        self._sources: dict[str, tuple[Credential, TokenSource]] = {}
        self._flights: dict[str, asyncio.Task[Token]] = {}
        self._pauses: dict[str, Pause] = {}
        self._unsaved: dict[str, Token] = {}  # family of the spent token → what could be written nowhere
        self._seen: dict[str, None] = {}
        self.version = 0  # counts changes of `secrets`

    @property
    def secrets(self) -> set[str]:
        """The tokens in use, and those of late, for whoever must keep them out of sight."""
        return set(self._seen)

    def note(self, *tokens: str) -> None:
        """These are secrets: never to be stored or shown."""
        for token in tokens:
            if token and token not in self._seen:
                self._seen[token] = None
                self.version += 1
                if len(self._seen) > REMEMBERED:
                    del self._seen[next(iter(self._seen))]

    def note_all(self, credential: Credential) -> None:
        """Every part of its secret, which a provider has made."""
        if credential.secret not in self._seen:
            self.note(*credential.secret_values())

    async def acquire(self, provider: Provider, credential: Credential) -> Credential:
        """The credential with a token that can be sent now: its secret is the access token, its setting `login` what
        else belongs to the login. As it is where the provider has no logins. Raises UnavailableError."""
        how = provider.manifest.oauth
        if how is None:
            return credential
        source, token = self._newest(credential, how)
        now = time.time()
        if not token.usable(now, MARGIN):
            token = await self._renewed(provider, credential, how, source, token)
        elif token.refresh and not token.usable(now, how.early) and self._pause(token) is None:
            self._begin(provider, credential, how, source, token)
        return self._with(credential, token)

    async def renew(self, provider: Provider, credential: Credential) -> Credential | None:
        """After its upstream has refused `credential` (as `acquire` made it): with another token, None where there is
        none to be had. Raises UnavailableError."""
        how = provider.manifest.oauth
        if how is None:
            return None
        source, token = self._newest(credential, how)
        if token.access == credential.secret or not token.usable(time.time(), MARGIN):
            if not token.refresh:
                return None
            token = await self._renewed(provider, credential, how, source, token)
        return self._with(credential, token)

    def basis(self, provider: Provider, credential: Credential) -> str:
        """A fingerprint of the login as it is now, and of the settings that it is renewed with."""
        how = provider.manifest.oauth
        if how is None:
            return ""
        try:
            token = self._newest(credential, how)[1]
        except UnavailableError:
            token = Token()
        return self._basis(credential, token)

    def forgive(self, name: str) -> None:
        """Its login may be renewed again, however often that failed."""
        if name in self._sources:
            with suppress(LoginError):
                self._pauses.pop(family(self._sources[name][1].read().refresh), None)

    async def close(self, patience: float) -> None:
        """Let what is under way end: a token that was issued and not yet written would be lost."""
        if self._flights:
            await asyncio.wait(self._flights.values(), timeout=patience)

    # -- within

    def _newest(self, credential: Credential, how: OAuth) -> tuple[TokenSource, Token]:
        kept = self._state.credentials.get(credential.name, credential)
        known = self._sources.get(kept.name)
        if known is None or known[0] != kept:
            known = self._sources[kept.name] = (kept, source_of(self._state, kept, how.tools))
        return known[1], self._read(known[1], kept)

    def _read(self, source: TokenSource, credential: Credential) -> Token:
        try:
            token = source.read()
        except LoginError as error:
            text = f"{credential.name}: {error}"
            raise _not_renewed(text) if error.passing else self._over(text, credential, Token()) from None
        return self._unsaved.get(family(token.refresh), token) if self._unsaved else token

    def _basis(self, credential: Credential, token: Token) -> str:
        kept = self._state.credentials.get(credential.name, credential)
        told = json.dumps([token.refresh or token.access, kept.settings], sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def _over(self, message: str, credential: Credential, token: Token) -> LoginOverError:
        return LoginOverError(message, self._basis(credential, token))

    def _with(self, credential: Credential, token: Token) -> Credential:
        self.note(token.access, token.refresh, *(str(token.extra.get(name) or "") for name in SECRET_PARTS))
        return replace(credential, secret=token.access, settings={**credential.settings, "login": token.extra})

    def _pause(self, token: Token) -> Pause | None:
        """What keeps this login from being refreshed now."""
        pause = self._pauses.get(family(token.refresh))
        return pause if pause is not None and (pause.until is None or time.monotonic() < pause.until) else None

    async def _renewed(
        self, provider: Provider, credential: Credential, how: OAuth, source: TokenSource, token: Token
    ) -> Token:
        if not token.refresh:
            raise self._over(f"{credential.name}: the login has expired, and nothing can renew it", credential, token)
        pause = self._pause(token)
        try:
            if pause is not None:
                raise pause.error
            return await asyncio.shield(self._begin(provider, credential, how, source, token))
        except RefreshError as error:
            text = f"{credential.name}: its login cannot be renewed: {error}"
            over = self._over(text, credential, token) if error.final else None
            raise over or _not_renewed(text, error.retry_after) from None

    def _begin(
        self, provider: Provider, credential: Credential, how: OAuth, source: TokenSource, token: Token
    ) -> asyncio.Task[Token]:
        """The family's one refresh, begun unless it is under way. It goes on when those who wait for it go away."""
        name = family(token.refresh)
        task = self._flights.get(name)
        if task is None:
            task = asyncio.create_task(self._fly(provider, credential, source, token))
            self._flights[name] = task
            task.add_done_callback(lambda done: self._landed(name, credential.name, done))
        return task

    def _landed(self, name: str, credential: str, task: asyncio.Task[Token]) -> None:
        self._flights.pop(name, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._pauses.pop(name, None)
            return
        failures = self._pauses[name].failures if name in self._pauses else 0
        if not isinstance(error, RefreshError):
            log.error("proxycast: refreshing %s failed", credential, exc_info=error)
            error = RefreshError(f"a fault of ours ({type(error).__name__}); the log says more")
        if error.final:
            until = None
        elif error.retry_after is not None:
            until = time.monotonic() + min(max(error.retry_after, SHORTEST), LONGEST)
        else:
            until = time.monotonic() + BACKOFF[min(failures, len(BACKOFF) - 1)]
        self._pauses[name] = Pause(until, failures + 1, error)
        log.warning("proxycast: the login of %s could not be renewed: %s", credential, error)

    async def _fly(self, provider: Provider, credential: Credential, source: TokenSource, seen: Token) -> Token:
        """A refresh; another, when the login turns out to have been replaced by one that has expired as well."""
        for _ in range(3):
            async with self._locked(family(seen.refresh)):
                token = self._read_again(source, credential)
                if token.access != seen.access and token.usable(time.time(), MARGIN):
                    return token  # another process, or the tool itself, was first
                if token.refresh == seen.refresh:
                    try:
                        return await self._exchange(provider, credential, source, token)
                    except RefreshError as error:
                        if not error.final:
                            raise
                        token = self._read_again(source, credential)
                        if token.refresh == seen.refresh:
                            raise
                        if token.usable(time.time(), MARGIN):
                            return token  # it was refused because its tool has renewed it meanwhile
            seen = token
        raise RefreshError("the login changes under our hands")

    async def _exchange(self, provider: Provider, credential: Credential, source: TokenSource, token: Token) -> Token:
        """Post and write, within the lock; → what is kept. Raises RefreshError."""
        new = await self._ask(provider, self._state.credentials.get(credential.name, credential), token)
        spent = token
        try:
            stored = source.read()
            if self._unsaved.get(family(stored.refresh)) == token:
                spent = stored
            kept = source.write(spent, new, time.time())
        except (OSError, sqlite3.Error, LoginError, NotFoundError, VaultError) as error:
            log.error("proxycast: the new login of %s can be written nowhere: %s", credential.name, error)
            self._unsaved[family(spent.refresh)] = new
            return new
        self._unsaved.pop(family(spent.refresh), None)
        return kept

    def _read_again(self, source: TokenSource, credential: Credential) -> Token:
        try:
            return self._read(source, credential)
        except UnavailableError as error:
            raise RefreshError(error.info.message, final=isinstance(error, LoginOverError)) from None

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[None]:
        try:
            async with locks.held(self._folder, name, LOCK_SECONDS):
                yield
        except locks.LockTimeoutError as error:
            raise RefreshError(str(error)) from None

    async def _ask(self, provider: Provider, credential: Credential, token: Token) -> Token:
        """The provider's POST, tried again after what may pass."""
        try:
            client = self._connect(credential, POST_SECONDS)
        except OSError as error:
            raise RefreshError(f"its ca_file cannot be used: {error}", final=True) from None
        async with client:
            for wait in (*AGAIN, None):
                try:
                    return await provider.renew(token, credential, client)
                except RefreshError as error:
                    if wait is None or error.final or error.retry_after is not None:
                        raise
                await asyncio.sleep(wait)
        raise AssertionError  # the last try returned or raised


def _not_renewed(message: str, retry_after: float | None = None) -> UnavailableError:
    info = ErrorInfo(ErrorKind.SERVER, message, 503, code="login_not_renewed", retry_after=retry_after)
    return UnavailableError(info)
