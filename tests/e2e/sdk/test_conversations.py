"""Jobs of several turns with tools and thinking, by each official SDK and its own helpers, at every backend."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import StandIn, Turn
from tests.standin.conversations import SCRIPT, TALKS

pytestmark = pytest.mark.e2e

# These conversations ask chat backends for nothing, and Anthropic's without `display`: who must be asked shows nothing.
HIDDEN = {
    ("openai_chat", "anthropic"),
    ("openai_chat", "openai_responses"),
    ("openai_chat", "gemini"),
    ("anthropic", "openai_responses"),
}


class Door:
    """What the scripted conversations need of a backend: the gateway's address, and the key for one behind it."""

    def __init__(self, on: Stage, backend: str) -> None:
        self.url, self.key = on.gateway.url, on.keys[backend]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("backend", PROTOCOLS)
@pytest.mark.parametrize("client", TALKS)
def test_the_sdk_hears_every_turn_of_the_script(on: Stage, client: str, backend: str, stream: bool) -> None:
    on.backend.scenario = SCRIPT

    heard = list(TALKS[client](cast(StandIn, Door(on, backend)), stream))

    assert [str(request.refusal) for request in on.backend.refusals] == []
    silent = (client, backend) in HIDDEN
    script = [*SCRIPT.turns, SCRIPT.last]
    assert [told(turn, silent) for turn in heard] == [told(turn, silent) for turn in script]


def told(turn: Turn, silent: bool) -> Turn:
    """A turn as it compares: thoughts in one, unless they are not shown at all."""
    return replace(turn, thinking="" if silent else "".join(turn.thoughts), calls=tuple(turn.calls))
