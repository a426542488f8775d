"""One gateway and one misbehaving upstream for all flow tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.e2e.gateway import Gateway
from tests.flow.upstream import Upstream, good

CONFIG = """
[timeouts]
connect = 2
hold = 1
keepalive = 1
first_event = 2
silence = 2
whole = 2
"""


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    server = Upstream(good)
    yield server
    server.close()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home: Path = tmp_path_factory.mktemp("flow")
    (home / "proxycast").mkdir(mode=0o700)
    (home / "proxycast" / "config.toml").write_text(CONFIG, encoding="utf-8")
    with Gateway(home) as running:
        yield running


class Setup:
    """Adds credentials and profiles as the command does, without starting a process for each."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.home = Home(gateway.home / "proxycast")
        self.state = StateStore(self.home.state, self.home.vault_key)
        self._count = 0

    def credential(self, provider: str, base_url: str, secret: str, **settings: object) -> str:
        self._count += 1
        name = f"{provider}-{self._count}"
        self.state.add_credential(Credential(name, provider, secret, {"base_url": base_url, **settings}))
        return name

    def route(self, *names: str, model: str | None = None, **profile: object) -> None:
        """Make a profile of these credentials, in this order, and the active one."""
        self._count += 1
        name = f"profile-{self._count}"
        content = {"use": list(names), **({"model": model} if model else {}), **profile}

        def change(document: object) -> None:
            document["active_profile"] = name  # type: ignore[index]
            table(document, "profiles")[name] = content  # type: ignore[arg-type]

        edit(self.home.config, change)


@pytest.fixture(scope="session")
def setup(gateway: Gateway) -> Setup:
    return Setup(gateway)


@pytest.fixture
def client(gateway: Gateway, key: str) -> Iterator[httpx.Client]:
    """A client of its own, so that each test begins with fresh connections."""
    with httpx.Client(base_url=gateway.url, headers={"x-api-key": key}, timeout=20, trust_env=False) as made:
        yield made


@pytest.fixture(scope="session")
def key(gateway: Gateway) -> str:
    return gateway.key("flow")
