"""Which headers identify the official client of a service: data that can be renewed without code (design.md,
decision 7).

A provider's folder holds it as `headers.toml`; a newer one of the user's, `PROXYCAST_HOME/headers/ID.toml`, goes before
it. Each row names the source of what it says. What a header says of version, system and machine is that of the user's
own installation where it can be read, else the file's own facts; nothing is random or changes from call to call but
ids of requests.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from addons.config.home import Home
from addons.providers import machine
from addons.vault.credential import Credential

log = logging.getLogger(__name__)

FILE = "headers.toml"
#: Seconds for which what was read of files counts.
FRESH = 5.0
INSTALLED_FRESH = 600.0
_PLACE = re.compile(r"\{(\w+)\}")
_LARGEST = 1 << 20


class HeaderProfileError(ValueError):
    """The file is no header profile; the text says why."""


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """One header. `value` has `{places}`: facts of the profile, of the machine, or given by the caller; a row with a
    place that nobody fills is not sent. `purposes`: calls that it goes with, none = all. `when`: facts that must be so.
    `source`: the sheet and section that it comes from."""

    name: str
    value: str
    source: str
    purposes: tuple[str, ...] = ()
    when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the user's own installation tells a fact: the `package.json` of the npm package `package` that the command
    `command` belongs to, or a JSON file (`files` are patterns below the home folder) at the keys `json`."""

    fact: str
    command: str = ""
    package: str = ""
    files: tuple[str, ...] = ()
    json: tuple[str, ...] = ("version",)


@dataclass(frozen=True, slots=True)
class Data:
    """A header profile as it stands in a file. `updated`: the day up to which it is known to be true."""

    updated: str
    facts: Mapping[str, str]
    rows: tuple[HeaderRow, ...]
    installed: tuple[Installed, ...] = ()


def parse(text: str) -> Data:
    """A file's text. Raises HeaderProfileError."""
    try:
        table = tomllib.loads(text)
        rows = tuple(HeaderRow(**_tuples(row)) for row in table.pop("headers", []))
        installed = tuple(Installed(**_tuples(row)) for row in table.pop("installed", []))
        facts = {name: str(value) for name, value in table.pop("facts", {}).items()}
        updated = str(table.pop("updated", ""))
    except (tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise HeaderProfileError(str(error)) from None
    if table:
        raise HeaderProfileError(f"there is no {', '.join(sorted(table))} in a header profile")
    if any(not row.source for row in rows):
        raise HeaderProfileError("each header needs its source")
    return Data(updated, facts, rows, installed)


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


class HeaderProfile:
    """Of one provider; `folder` holds the file that comes with it."""

    def __init__(self, provider_id: str, folder: Path) -> None:
        self._id = provider_id
        self._own = parse((folder / FILE).read_text("utf-8"))
        self._users: tuple[float, Data | None] = (0.0, None)
        self._users_until = 0.0
        self._installed: dict[str, str] = {}
        self._installed_until = 0.0

    @property
    def users_file(self) -> Path:
        """Where a newer file of the user's is read from."""
        return Home.find().path / "headers" / f"{self._id}.toml"

    @property
    def data(self) -> Data:
        """The user's own where there is one that can be read, else ours."""
        now = time.monotonic()
        if now >= self._users_until:
            self._users_until = now + FRESH
            self._read_users()
        return self._users[1] or self._own

    def facts(self, credential: Credential) -> dict[str, str]:
        """What fills the places: the file's facts, over them what the installation tells, the machine's, and the
        credential's own settings of the same names (a login brought from another machine keeps its machine id)."""
        data, told = self.data, machine.facts()
        known = {**told, "machine_id": machine.machine_id(), **data.facts, **self._of_installation(data)}
        named = {name: value for name in known if (value := credential.setting(name))}
        return {**known, **named}

    def headers(self, purpose: str, credential: Credential, facts: Mapping[str, str]) -> list[tuple[str, str]]:
        """The headers of a call of that purpose; `facts` go before the profile's own. `{request_id}` is a new UUID."""
        known = {"request_id": str(uuid.uuid4()), **self.facts(credential), **facts}
        found = []
        for row in self.data.rows:
            if row.purposes and purpose not in row.purposes:
                continue
            if any(known.get(name, "") != wanted for name, wanted in row.when.items()):
                continue
            places = _PLACE.findall(row.value)
            if all(known.get(place) for place in places):
                found.append((row.name, _PLACE.sub(lambda place: known[place[1]], row.value)))
        return found

    def _read_users(self) -> None:
        path = self.users_file
        try:
            stamp = path.stat().st_mtime
            if stamp == self._users[0]:
                return
            self._users = (stamp, self._users[1])
            data = parse(path.read_text("utf-8"))
        except FileNotFoundError:
            self._users = (0.0, None)
        except (OSError, UnicodeDecodeError, HeaderProfileError) as error:
            log.warning("proxycast: %s is not used: %s", path, error)
        else:
            facts = {**self._own.facts, **data.facts}
            installed = data.installed or self._own.installed
            merged = Data(data.updated or self._own.updated, facts, data.rows or self._own.rows, installed)
            self._users = (stamp, merged)

    def _of_installation(self, data: Data) -> dict[str, str]:
        now = time.monotonic()
        if now >= self._installed_until:
            self._installed_until = now + INSTALLED_FRESH
            told = ((place.fact, _told(place)) for place in reversed(data.installed))
            self._installed = {fact: value for fact, value in told if value}
        return self._installed


def _told(place: Installed) -> str:
    if place.command:
        return _of_package(place.command, place.package)
    found = [path for pattern in place.files for path in sorted(Path.home().glob(pattern))]
    return next((value for path in reversed(found) if (value := _in_json(path, place.json))), "")


def _of_package(command: str, package: str) -> str:
    path = shutil.which(command)
    if path is None:
        return ""
    for folder in list(Path(path).resolve().parents)[:5]:
        described = folder / "package.json"
        if described.is_file() and _in_json(described, ("name",)) == package:
            return _in_json(described, ("version",))
    return ""


def _in_json(path: Path, keys: Sequence[str]) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        value: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    # A header is made of it: nothing but what versions are made of.
    return value if isinstance(value, str) and re.fullmatch(r"[\w.+-]{1,64}|@[\w.-]+/[\w.-]+", value) else ""
