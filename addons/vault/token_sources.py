"""Where a credential's login lives: in `state.db`, or in another tool's file that is shared with that tool."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from addons.vault import foreign_files, foreign_stores
from addons.vault.cipher import VaultError
from addons.vault.credential import Credential
from addons.vault.foreign_files import FORMATS, OWN, FileFormat, FileFormatError, StoreFormat
from addons.vault.locks import family
from addons.vault.private_file import replace_text
from addons.vault.store import NotFoundError, StateStore
from addons.vault.tokens import Json, Token, at, json_object

log = logging.getLogger(__name__)
#: The field of a credential's secret that holds what could not be written to its file.
HELD = "held"
#: Seconds for which a file that makes no sense is taken to be half written.
WRITING = 2.0
#: Time of the last change in nanoseconds, size and inode of a file.
Stamp = tuple[int, int, int]
_PLACE = re.compile(r"\{(\w+)\}")


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


def source_of(state: StateStore, credential: Credential, tools: FileFormat) -> TokenSource:
    """Of a credential whose provider has logins; `tools` is how its official tool keeps one."""
    named = credential.setting("creds_file_path")
    if not named:
        return OwnSecret(state, credential, tools)
    path = Path(named).expanduser()
    if tools.store is not None and foreign_stores.is_store(path):
        return ForeignStore(state, credential.name, path, tools.store)
    return ForeignFile(state, credential.name, path, tools)


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


class _Foreign:
    """A file that its tool goes on using: what cannot be written into it is held in state.db."""

    def __init__(self, state: StateStore, name: str, path: Path) -> None:
        self._state, self._name, self._path = state, name, path
        self._stamps: tuple[Stamp | None, ...] = ()
        self._token = Token()

    def read(self) -> Token:
        try:
            stamps = self._seen()
            if stamps != self._stamps:
                self._token = self._login()
                now = self._seen()  # what else belongs to it is known now; a change since the first look is seen later
                self._stamps = stamps if len(now) == len(stamps) else (stamps[0], *now[1:])
        except OSError as error:
            raise LoginError(f"{self._path} cannot be read: {os.strerror(error.errno or 0)}") from None
        except sqlite3.Error as error:
            raise LoginError(f"{self._path} cannot be read: {error}", passing=True) from None
        except (FileFormatError, UnicodeDecodeError) as error:
            written = max(stamp[0] for stamp in stamps if stamp is not None) / 1e9
            raise LoginError(f"{self._path}: {error}", passing=abs(time.time() - written) < WRITING) from None
        return self._held_for(self._token) or self._token

    def _seen(self) -> tuple[Stamp | None, ...]:
        """Of all files that the login is read from, its own first. Raises OSError where that is not there."""
        raise NotImplementedError

    def _login(self) -> Token:
        raise NotImplementedError

    def _keep(self, old: Token, new: Token, now: float) -> Token:
        """Hold `new` for what it replaces: the file's own login, or what has replaced that already."""
        spent = self._token if self._held_for(self._token) is not None else old
        self._hold({**_own(new, now), "for": family(spent.refresh)})
        return new

    def _held_for(self, token: Token) -> Token | None:
        """What has replaced the file's login and could not be written into it."""
        held = _held_in(self._secret())
        if held is None or held.get("for") != family(token.refresh):
            return None
        kept = foreign_files.token_of({name: value for name, value in held.items() if name != "for"}, FORMATS[OWN])
        return replace(kept, extra={**token.extra, **kept.extra})

    def _secret(self) -> str:
        known = self._state.credentials.get(self._name)
        return known.secret if known is not None else ""

    def _hold(self, held: Json | None) -> None:
        def change(secret: str) -> str | None:
            if held is None and _held_in(secret) is None:
                return None
            kept = {name: value for name, value in json_object(secret).items() if name != HELD}
            if held is not None:
                kept[HELD] = held
            return json.dumps(kept) if kept else ""

        try:
            self._state.change_secret(self._name, change)
        except (NotFoundError, VaultError) as error:
            raise LoginError(str(error)) from None


class ForeignStore(_Foreign):
    """An SQLite file of the tool, which only the tool writes: what we renew is held in state.db alone. Its tool then
    has a spent refresh token where the service rotates them."""

    def __init__(self, state: StateStore, name: str, path: Path, store: StoreFormat) -> None:
        super().__init__(state, name, path)
        self._store = store

    def write(self, old: Token, new: Token, now: float) -> Token:
        """Read again first: a login that the tool has renewed or made meanwhile is adopted, ours is dropped."""
        self._stamps = ()
        newest = self.read()
        return self._keep(old, new, now) if newest.refresh == old.refresh else newest

    def _seen(self) -> tuple[Stamp | None, ...]:
        return _stamp(self._path), _stamp_if_any(self._path.with_name(self._path.name + "-wal"))

    def _login(self) -> Token:
        return foreign_stores.read(self._path, self._store)


class ForeignFile(_Foreign):
    """It may change under us at any time, and its tool does not know our locks. Renewed logins are written into it."""

    def __init__(self, state: StateStore, name: str, path: Path, format_: FileFormat) -> None:
        super().__init__(state, name, path)
        self._format = format_
        self._beside: Json = {}  # parts of the login that come from further files
        self._further: tuple[Path, ...] = ()

    def write(self, old: Token, new: Token, now: float) -> Token:
        """Read again first: a login that the tool has renewed or made meanwhile is adopted, ours is dropped. What the
        file cannot take is held in state.db until it can."""
        try:
            text, data, theirs = self._load()
            ours = theirs.refresh == old.refresh or self._held_for(theirs) is not None
            if not ours:
                return theirs
            own = replace(new, extra={n: v for n, v in new.extra.items() if n not in self._beside})
            replace_text(self._path, foreign_files.render(foreign_files.with_token(data, self._format, own, now), text))
        except (OSError, FileFormatError, UnicodeDecodeError) as error:
            log.error("proxycast: %s cannot be written (%s): its new login is kept in state.db", self._path, error)
            return self._keep(old, new, now)
        self._hold(None)
        return self.read()

    def _seen(self) -> tuple[Stamp | None, ...]:
        return _stamp(self._path), *map(_stamp_if_any, self._further)

    def _login(self) -> Token:
        token = self._load()[2]
        self._beside, self._further = beside(self._path, self._format, token)
        return replace(token, extra={**self._beside, **token.extra})

    def _load(self) -> tuple[str, Json, Token]:
        text = self._path.read_text("utf-8")
        return text, *foreign_files.parse(text, self._format)


def beside(path: Path, format_: FileFormat, token: Token) -> tuple[Json, tuple[Path, ...]]:
    """→ (the parts of a login that the tool keeps in further files and not in its own, those files)."""
    found: Json = {}
    files = []
    for row in format_.beside:
        wanted = _PLACE.findall(row.path)
        values = {name: str(token.extra.get(name) or "") for name in wanted}
        if any(not value or "/" in value or "\\" in value or value.startswith(".") for value in values.values()):
            continue
        file = path.parent / row.path.format(**values)
        files.append(file)
        try:
            data = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        parts = {name: value for name, place in row.extra.items() if (value := at(data, place)) is not None}
        found = {**{n: v for n, v in parts.items() if n not in token.extra}, **found}
    return found, tuple(files)


def _stamp(path: Path) -> Stamp:
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _stamp_if_any(path: Path) -> Stamp | None:
    try:
        return _stamp(path)
    except OSError:
        return None


def _own(token: Token, now: float) -> Json:
    return foreign_files.with_token(dict(token.extra), FORMATS[OWN], token, now)


def _held_in(secret: str) -> Json | None:
    held = json_object(secret).get(HELD) if secret.startswith("{") else None
    return held if isinstance(held, dict) else None
