"""One running gateway in front of strict stand-ins, with a client key for each backend protocol."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from addons.config.edit import edit, table
from addons.config.home import Home
from addons.pool.standing_store import StandingStore
from addons.vault.credential import Credential
from addons.vault.keys import generate
from addons.vault.store import StateStore
from tests.e2e.gateway import BACKENDS, Gateway
from tests.standin import StandIn

PROTOCOLS = tuple(BACKENDS)


@dataclass
class Stage:
    """`keys` holds one client key for each backend protocol: it is pinned to a profile of that backend alone."""

    gateway: Gateway
    backend: StandIn
    client: httpx.Client
    keys: dict[str, str] = field(default_factory=dict)
    _names: int = 0

    def __post_init__(self) -> None:
        self._home = Home(self.gateway.home / "proxycast")
        self._state = StateStore(self._home.state, self._home.vault_key)
        self._standings = StandingStore(self._home.state)
        for protocol, backend in BACKENDS.items():
            name = self.credential(protocol, self.backend)
            self.keys[protocol] = self.key(name, model=backend.model)

    def forgive(self) -> None:
        """No credential is held to what it did in an earlier test."""
        self._standings.forget()

    @property
    def audit(self) -> Path:
        return self._home.audit

    def credential(self, protocol: str, backend: StandIn) -> str:
        """A credential of `protocol`'s usual provider for that stand-in; its name."""
        return self.credential_at(protocol, backend.url, backend.key or "")

    def credential_at(self, protocol: str, root: str, secret: str) -> str:
        """The same for any address (without a version)."""
        self._names += 1
        known = BACKENDS[protocol]
        name = f"{protocol.replace('_', '-')}-{self._names}"
        settings = {"base_url": root + known.path, **known.settings}
        return self.add(Credential(name, known.provider, secret, settings))

    def add(self, credential: Credential) -> str:
        """Any credential; its name."""
        self._state.add_credential(credential)
        return credential.name

    def beside(self, backend: StandIn, keys: dict[str, str]) -> Stage:
        """The same gateway, seen with another backend and its keys."""
        other = copy.copy(self)
        other.backend, other.keys = backend, keys
        return other

    def key(self, *credentials: str, model: str | None = None) -> str:
        """A new client key, pinned to a profile that tries these credentials in order."""
        self._names += 1
        name = f"profile-{self._names}"
        content = {"use": list(credentials), **({"model": model} if model else {})}

        def change(document: object) -> None:
            table(document, "profiles")[name] = content  # type: ignore[arg-type]

        edit(self._home.config, change)
        key = generate()
        self._state.add_key(name, key, name)
        return key


@contextmanager
def stage(home: Path, backend: StandIn, config: str = "") -> Iterator[Stage]:
    """The gateway with all four protocols behind it; `config` is what its config.toml begins with."""
    (home / "proxycast").mkdir(mode=0o700, parents=True)
    (home / "proxycast" / "config.toml").write_text(config, encoding="utf-8")
    with Gateway(home) as gateway, httpx.Client(base_url=gateway.url, timeout=10, trust_env=False) as client:
        yield Stage(gateway, backend, client)
