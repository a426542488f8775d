"""Chat backends that are stricter than others: OpenAI's own models, and DeepSeek's, which want their reasoning back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest

from addons.vault.credential import Credential
from tests.e2e.stage import Stage
from tests.standin import StandIn

from .speak_chat import ChatSpeaker
from .speaking import Wish
from .talking import ask
from .test_conversations import CLIENTS, JOB, OUTCOMES, PROMPT, SYSTEM

pytestmark = pytest.mark.e2e

Dialect = Literal["openai", "deepseek"]
# Dialect → provider, model.
SERVICES: dict[Dialect, tuple[str, str]] = {
    "openai": ("openai", "gpt-5.1"),
    "deepseek": ("openai_compatible", "deepseek-v4"),
}


SPEAKING = {**CLIENTS, "openai_chat": ChatSpeaker(limit="max_completion_tokens")}


@pytest.fixture(scope="module", params=SERVICES)
def dialect(request: pytest.FixtureRequest, shared_stage: Stage) -> Iterator[Stage]:
    """The shared gateway with a stand-in of that dialect behind it; its key is kept as "dialect"."""
    provider, model = SERVICES[request.param]
    with StandIn(interleave=True, shred=7, dialect=request.param) as backend:
        settings: Any = {"base_url": f"{backend.url}/v1", "api": "chat"}
        name = shared_stage.add(Credential(f"dialect-{request.param}", provider, backend.key or "", settings))
        keys = {"dialect": shared_stage.key(name, model=model)}
        yield shared_stage.beside(backend, keys)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_job_of_several_turns_is_done(dialect: Stage, client: str, stream: bool) -> None:
    speaker = SPEAKING[client]
    dialect.backend.reset()
    dialect.backend.scenario = JOB
    wish = Wish(system=SYSTEM, history=[speaker.user(PROMPT)], tools=True, thinking=True, stream=stream)
    for turn, outcomes in zip(JOB.turns, OUTCOMES, strict=True):
        answer = ask(dialect, speaker, "dialect", wish)
        assert answer.text == turn.text
        wish.history += [*answer.items, *speaker.results(list(zip(answer.calls, outcomes, strict=True)))]
    assert ask(dialect, speaker, "dialect", wish).text == JOB.last.text
