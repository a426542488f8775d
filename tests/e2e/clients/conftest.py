"""Fixtures of the client tests: a stand-in backend, and the gateway in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.clients.drivers import DRIVERS, Driver
from tests.e2e.clients.install import ensure
from tests.e2e.gateway import BACKENDS, Gateway, free_port
from tests.standin.server import DEFAULT_KEY, StandIn

pytest.register_assert_rewrite("tests.e2e.clients.job")


@dataclass(frozen=True)
class Routed:
    """A running gateway, a client key for it, and the backend that it sends everything to."""

    gateway: Gateway
    key: str
    protocol: str
    standin: StandIn


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """As hard as the real services: frames cut anywhere, parallel calls mixed, thinking bound to its prefix."""
    with StandIn(interleave=True, shred=7, bind_prefix=True) as server:
        yield server


@pytest.fixture(scope="module")
def routed(
    request: pytest.FixtureRequest, standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Routed]:
    """The gateway with its backend of the protocol that the test names (indirect parameter)."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    gateway.use(request.param, standin.url, DEFAULT_KEY)
    key = gateway.key()
    with gateway:
        yield Routed(gateway, key, request.param, standin)


@pytest.fixture
def routed_past_a_dead_backend(
    request: pytest.FixtureRequest, standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Routed]:
    """Like `routed`, but what it tries first is an address where nothing listens."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    dead = gateway.credential(request.param, f"http://127.0.0.1:{free_port()}", DEFAULT_KEY)
    alive = gateway.credential(request.param, standin.url, DEFAULT_KEY)
    gateway.route(dead, alive, model=BACKENDS[request.param].model)
    key = gateway.key()
    with gateway:
        yield Routed(gateway, key, request.param, standin)


@dataclass(frozen=True)
class RoutedToTwo:
    """A running gateway with two accounts of one service: it asks the first until that one fails."""

    gateway: Gateway
    key: str
    protocol: str
    first: StandIn
    second: StandIn


# A backend that stalls is given up within the test's time, and the client is kept waiting with signs of life before.
IMPATIENT = """\
[timeouts]
hold = 0.5
keepalive = 0.5
first_event = 5
"""


@pytest.fixture
def routed_to_two(
    request: pytest.FixtureRequest, standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RoutedToTwo]:
    """What one account has signed the other refuses, as the real services do."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    gateway.configure(IMPATIENT)
    with StandIn(interleave=True, shred=7, bind_prefix=True, account="another") as second:
        names = [gateway.credential(request.param, backend.url, DEFAULT_KEY) for backend in (standin, second)]
        gateway.route(*names, model=BACKENDS[request.param].model)
        key = gateway.key()
        with gateway:
            yield RoutedToTwo(gateway, key, request.param, standin, second)


@pytest.fixture
def driver_of(tmp_path: Path) -> Callable[[str], Driver]:
    """Makes the driver of a client, installed if need be, with a fresh home."""
    return lambda client: DRIVERS[client](ensure(DRIVERS[client].package), tmp_path)
