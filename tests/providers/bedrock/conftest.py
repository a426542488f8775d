"""The gateway that these tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers.bedrock.stage import BedrockStage, bedrock_stage


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BedrockStage]:
    with bedrock_stage(tmp_path_factory.mktemp("bedrock")) as made:
        yield made


@pytest.fixture
def on(running: BedrockStage) -> Iterator[BedrockStage]:
    """The stage with a backend that has seen nothing yet; afterwards nothing of the gateway's own went wrong."""
    running.backend.reset()
    before = len(running.gateway.log)
    yield running
    assert "Traceback" not in running.gateway.log[before:]
