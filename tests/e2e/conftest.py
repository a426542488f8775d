"""The gateway that the tests of raw requests and of the official SDKs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stage import Stage, stage
from tests.standin import HELLO, StandIn


@pytest.fixture(scope="session")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """As hard as the real services: frames cut anywhere, parallel calls mixed, thinking bound to its prefix."""
    with (
        StandIn(interleave=True, shred=7, bind_prefix=True) as backend,
        stage(tmp_path_factory.mktemp("stage"), backend) as made,
    ):
        yield made


@pytest.fixture
def on(shared_stage: Stage) -> Iterator[Stage]:
    """The shared stage with a backend that has seen nothing yet; afterwards nothing of the gateway's own went wrong."""
    shared_stage.backend.reset()
    shared_stage.backend.scenario = HELLO
    shared_stage.forgive()
    before = len(shared_stage.gateway.log)
    yield shared_stage
    assert "Traceback" not in shared_stage.gateway.log[before:]
