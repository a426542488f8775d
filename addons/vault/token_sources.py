"""Where a credential's login lives: in `state.db`, or in another tool's file that is shared with that tool."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from addons.vault import foreign_files
from addons.vault.cipher import VaultError
from addons.vault.credential import Credential
from addons.vault.foreign_files import FORMATS, OWN, FileFormat, FileFormatError
from addons.vault.locks import family
from addons.vault.private_file import replace_text
from addons.vault.store import NotFoundError, StateStore
from addons.vault.tokens import Json, Token

log = logging.getLogger(__name__)
#: The field of a credential's secret that holds what could not be written to its file.
HELD = "held"
#: Seconds for which a file that makes no sense is taken to be half written.
WRITING = 2.0


class LoginError(Exception):
    """There is no login to be read; the text says why. `passing`: its tool is perhaps just writing it."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class TokenSource(Protocol):
    def read(self) -> Token:
        """The newest tokens. Raises LoginError."""

    def write(self, old: Token, new: Token, now: float) -> Token:
        """Keep `new`, which came of `old`; → what is kept afterwards, which is another's if that was there first.
        Raises OSError, LoginError or sqlite3.Error."""


def source_of(state: StateStore, credential: Credential, format_: str) -> TokenSource:
    """Of a credential whose provider has logins; `format_` is an id in foreign_files.FORMATS."""
    path = credential.setting("creds_file_path")
    if path:
        return ForeignFile(state, credential.name, Path(path).expanduser(), FORMATS[format_])
    return OwnSecret(state, credential, FORMATS[format_])


class OwnSecret:
    """The secret of a credential in our own form, or in that of the tool it was pasted from; one that is no JSON is a
    token (or an API key) that nothing renews."""

    def __init__(self, state: StateStore, credential: Credential, tools: FileFormat) -> None:
        self._state, self._first, self._tools = state, credential, tools

    def read(self) -> Token:
        secret = self._state.credentials.get(self._first.name, self._first).secret
        if secret and secret[0] not in "{[":
            return Token(secret)
        found = self._parse(secret)
        if found is None:
            raise LoginError("its secret is no login: JSON with access_token, refresh_token and expires_at is wanted")
        return found[2]

    def write(self, old: Token, new: Token, now: float) -> Token:
        """All copies of the login are renewed, whatever credential they stand in: the old token is spent for all."""
        for name in list(self._state.credentials):
            self._state.change_secret(name, lambda secret: self._renewed(secret, old, new, now))
        return self.read()

    def _renewed(self, secret: str, old: Token, new: Token, now: float) -> str | None:
        found = self._parse(secret)
        if found is None or found[2].refresh != old.refresh:
            return None
        format_, data, _ = found
        return json.dumps(foreign_files.with_token(data, format_, new, now))

    def _parse(self, secret: str) -> tuple[FileFormat, Json, Token] | None:
        # Both may fit: only ours says `expires_at`.
        for format_ in (FORMATS[OWN], self._tools) if '"expires_at"' in secret else (self._tools, FORMATS[OWN]):
            try:
                return format_, *foreign_files.parse(secret, format_)
            except FileFormatError:
                continue
        return None


class ForeignFile:
    """A file that the tool goes on using. It may change under us at any time, and its tool does not know our locks."""

    def __init__(self, state: StateStore, name: str, path: Path, format_: FileFormat) -> None:
        self._state, self._name, self._path, self._format = state, name, path, format_
        self._stamp: tuple[int, int, int] | None = None
        self._token = Token()

    def read(self) -> Token:
        try:
            seen = self._path.stat()
            stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
            if stamp != self._stamp:
                self._token = self._load()[2]
                self._stamp = stamp
        except OSError as error:
            raise LoginError(f"{self._path} cannot be read: {os.strerror(error.errno or 0)}") from None
        except (FileFormatError, UnicodeDecodeError) as error:
            raise LoginError(f"{self._path}: {error}", passing=abs(time.time() - seen.st_mtime) < WRITING) from None
        return self._held_for(self._token) or self._token

    def write(self, old: Token, new: Token, now: float) -> Token:
        """Read again first: a login that the tool has renewed or made meanwhile is adopted, ours is dropped. What the
        file cannot take is held in state.db until it can."""
        try:
            text, data, theirs = self._load()
            ours = theirs.refresh == old.refresh or self._held_for(theirs) is not None
            if not ours:
                return theirs
            replace_text(self._path, foreign_files.render(foreign_files.with_token(data, self._format, new, now), text))
        except (OSError, FileFormatError, UnicodeDecodeError) as error:
            log.error("proxycast: %s cannot be written (%s): its new login is kept in state.db", self._path, error)
            spent = self._token if self._held_for(self._token) is not None else old
            self._hold({"for": family(spent.refresh), **_own(new, now)})
            return new
        self._hold(None)
        return self.read()

    def _load(self) -> tuple[str, Json, Token]:
        text = self._path.read_text("utf-8")
        return text, *foreign_files.parse(text, self._format)

    def _held_for(self, token: Token) -> Token | None:
        """What has replaced the file's login and could not be written into it."""
        held = _held_in(self._secret())
        if held is None or held.get("for") != family(token.refresh):
            return None
        kept = foreign_files.token_of(held, FORMATS[OWN])
        return replace(kept, extra={**token.extra, **kept.extra})

    def _secret(self) -> str:
        known = self._state.credentials.get(self._name)
        return known.secret if known is not None else ""

    def _hold(self, held: Json | None) -> None:
        def change(secret: str) -> str | None:
            if held is None and _held_in(secret) is None:
                return None
            kept = {name: value for name, value in _object(secret).items() if name != HELD}
            if held is not None:
                kept[HELD] = held
            return json.dumps(kept) if kept else ""

        try:
            self._state.change_secret(self._name, change)
        except (NotFoundError, VaultError) as error:
            raise LoginError(str(error)) from None


def _own(token: Token, now: float) -> Json:
    return foreign_files.with_token(dict(token.extra), FORMATS[OWN], token, now)


def _object(secret: str) -> Json:
    try:
        found = json.loads(secret)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _held_in(secret: str) -> Json | None:
    held = _object(secret).get(HELD) if secret.startswith("{") else None
    return held if isinstance(held, dict) else None
