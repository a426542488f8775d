"""Access keys of AWS's own configuration (profiles, SSO, roles), found and renewed by botocore as AWS's tools do it."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from addons.providers.api import UnavailableError
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind

log = logging.getLogger(__name__)
#: Setting → the service of AWS that it stands in for.
ENDPOINTS = {"sts_url": "sts", "sso_url": "sso", "sso_oidc_url": "sso-oidc"}
#: Seconds before their expiry from which temporary keys are renewed.
EARLY = 15 * 60
_FILES = {"config_file": "~/.aws/config", "credentials_file": "~/.aws/credentials"}


@dataclass(frozen=True, slots=True)
class Found:
    """Keys as they are now, and the profile's region ("" where it has none)."""

    secret: str
    region: str


class _Session(Session):  # type: ignore[misc]  # botocore has no types
    """A session whose helpers (roles, SSO) ask at the addresses that the credential's settings name."""

    addresses: dict[str, str]

    def create_client(self, service_name: str, *arguments: Any, **options: Any) -> Any:
        options.setdefault("endpoint_url", self.addresses.get(service_name))
        return super().create_client(service_name, *arguments, **options)


@dataclass(slots=True)
class _Held:
    stamps: tuple[int, ...]
    session: Session
    keys: Credentials
    found: Found


class Profiles:
    """One a provider. Everything that may wait (files, the network, a command of the user's) happens in a thread."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._flights: dict[str, asyncio.Task[_Held]] = {}

    async def find(self, credential: Credential) -> Found:
        """The keys of the profile that a setting names. Raises UnavailableError."""
        name = _key(credential)
        held = self._held.get(name)
        if held is None or held.stamps != _stamps(credential) or _due(held.keys):
            held = await asyncio.shield(self._begin(name, credential))
        return held.found

    def refused(self, credential: Credential) -> None:
        """The service does not take these keys: they are looked for anew."""
        self._held.pop(_key(credential), None)

    def _begin(self, name: str, credential: Credential) -> asyncio.Task[_Held]:
        task = self._flights.get(name)
        if task is None:
            task = self._flights[name] = asyncio.create_task(self._fly(name, credential))
            task.add_done_callback(lambda done: self._landed(name, done))
        return task

    async def _fly(self, name: str, credential: Credential) -> _Held:
        stamps, held = _stamps(credential), self._held.get(name)
        try:
            if held is None or held.stamps != stamps:
                held = await asyncio.to_thread(_open, credential, stamps)
            await asyncio.to_thread(_renew, held)
        except (BotoCoreError, ClientError, OSError, ValueError) as error:
            text = f"{credential.name}: AWS's profile {profile_of(credential)!r} gives no keys: {error}"
            raise UnavailableError(ErrorInfo(ErrorKind.AUTHENTICATION, text, 401)) from None
        self._held[name] = held
        return held

    def _landed(self, name: str, task: asyncio.Task[_Held]) -> None:
        self._flights.pop(name, None)
        if not task.cancelled() and task.exception() is not None:
            log.warning("proxycast: %s", task.exception())


def profile_of(credential: Credential) -> str:
    """The profile that it takes its keys from; "" where it has a secret of its own."""
    return "" if credential.secret else credential.setting("profile") or credential.setting("aws_profile")


def _open(credential: Credential, stamps: tuple[int, ...]) -> _Held:
    session = _Session(profile=profile_of(credential))
    session.addresses = {service: url for name, service in ENDPOINTS.items() if (url := credential.setting(name))}
    for name in _FILES:
        if credential.setting(name):
            session.set_config_variable(name, credential.setting(name))
    keys = session.get_credentials()
    if keys is None:
        raise ValueError("there are none in it")
    return _Held(stamps, session, keys, Found("", session.get_config_variable("region") or ""))


def _renew(held: _Held) -> None:
    """What is due, and what it is now."""
    frozen = held.keys.get_frozen_credentials()
    fields = {"access_key_id": frozen.access_key, "secret_access_key": frozen.secret_key}
    if frozen.token:
        fields["session_token"] = frozen.token
    held.found = Found(json.dumps(fields), held.found.region)


def _due(keys: Credentials) -> bool:
    return isinstance(keys, RefreshableCredentials) and bool(keys.refresh_needed(EARLY))


def _stamps(credential: Credential) -> tuple[int, ...]:
    """When AWS's files were last changed: another tool may write new keys into them."""
    found = []
    for name, usual in _FILES.items():
        try:
            found.append(Path(credential.setting(name, usual)).expanduser().stat().st_mtime_ns)
        except OSError:
            found.append(0)
    return tuple(found)


def _key(credential: Credential) -> str:
    names = (*_FILES, *ENDPOINTS)
    return json.dumps([profile_of(credential), *(credential.setting(name) for name in names)])
