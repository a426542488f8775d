"""Keeps a login as a credential: a new one, or a new login for one that is there; and learns what its service knows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from addons.pool.refresh import Refresher
from addons.pool.standing_store import StandingStore
from addons.providers import outbound
from addons.providers.api import Provider
from addons.vault import foreign_files
from addons.vault.credential import Credential
from addons.vault.foreign_files import FORMATS, OWN
from addons.vault.store import StateStore
from addons.vault.tokens import Json, Token

Connect = Callable[[Credential, float], httpx.AsyncClient]
#: Seconds for one answer of the service.
PATIENCE = 30.0
#: The setting that names those which the service told: another account has others.
LEARNED = "learned"


def secret_of(token: Token) -> str:
    """A login in our own form, as the secret of a credential."""
    return json.dumps(foreign_files.with_token({"expires_at": None}, FORMATS[OWN], token, time.time()))


def unlearned(settings: Mapping[str, object]) -> Json:
    """Settings without what the service told of the account that is signed in now."""
    told = settings.get(LEARNED)
    dropped = {LEARNED, *(told if isinstance(told, list) else ())}
    return {name: value for name, value in settings.items() if name not in dropped}


def keep(state: StateStore, standings: StandingStore, draft: Credential, token: Token, learned: Json) -> Credential:
    """The credential with its new login. One of that name is renewed in place: whatever put it out of service was of
    the old login, and a file of a tool that it named is left alone. Raises VaultError or sqlite3.Error."""
    settings = _with(draft.settings, learned)
    settings.pop("creds_file_path", None)
    if "client_secret" in token.extra:
        settings.pop("client_secret", None)
    made = replace(draft, secret=secret_of(token), settings=settings)
    if draft.name in state.credentials:
        state.update_credential(made)
        standings.forget(made.name)
    else:
        state.add_credential(made)
    return state.credentials[made.name]


def learns(provider: Provider) -> bool:
    """Whether the service knows settings that its owner need not type."""
    return type(provider).enrol is not Provider.enrol


async def learn(
    state: StateStore,
    folder: Path,
    provider: Provider,
    name: str,
    given: Mapping[str, object],
    connect: Connect = outbound.client,
) -> Json:
    """Ask the service what it knows (`Provider.enrol`) and keep it; → what was new. What the owner has `given` goes
    before it. Raises UnavailableError where the account cannot be used, httpx.HTTPError or OSError."""
    credential = state.credentials[name]
    refresher = Refresher(state, folder)
    try:
        ready = await provider.acquire(await refresher.acquire(provider, credential))
        async with connect(credential, PATIENCE) as client:
            told = await provider.enrol(ready, client)
    finally:
        await refresher.close(PATIENCE)
    new = {n: v for n, v in told.items() if n not in given and credential.settings.get(n) != v and v not in (None, "")}
    if new:
        kept = state.credentials[name]
        state.update_credential(replace(kept, settings=_with(kept.settings, new)), secret=False)
    return new


def _with(settings: Mapping[str, object], learned: Mapping[str, object]) -> Json:
    if not learned:
        return dict(settings)
    known = settings.get(LEARNED)
    names = {*(known if isinstance(known, list) else ()), *learned}
    return {**settings, **learned, LEARNED: sorted(names)}
