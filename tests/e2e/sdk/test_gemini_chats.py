"""Google's chat helper runs tools by itself and keeps the history, streamed answers as the pieces that they came in."""

from __future__ import annotations

import pytest
from google.genai import types

from tests.e2e.pairs.talking import last_sent, strings
from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import Call, Scenario, Turn

from .clients import MODEL, gemini, text_of

pytestmark = pytest.mark.e2e

# Streamed from Gemini itself the helper keeps empty parts too, which that service then refuses, with us or without.
CASES = [
    (backend, stream) for backend in PROTOCOLS for stream in (False, True) if (backend, stream) != ("gemini", True)
]


def walk(command: str) -> str:
    """Walks somewhere.

    Args:
        command: where to
    """
    return f"walked {command}"


@pytest.mark.parametrize(("backend", "stream"), CASES)
def test_gemini_chats_run_tools_by_themselves_and_keep_their_history(on: Stage, backend: str, stream: bool) -> None:
    """The SDK's history holds a streamed answer as the pieces that it came in."""
    on.backend.scenario = Scenario(
        turns=(Turn("Überlegt.", "Ich gehe los. ", (Call("walk", {"command": "é"}),)),), final="Ich bin da, 日本."
    )
    config = types.GenerateContentConfig(tools=[walk], thinking_config=types.ThinkingConfig(include_thoughts=True))
    chat = gemini(on, backend).chats.create(model=MODEL, config=config)

    if stream:
        answer = "".join(text_of(chunk) for chunk in chat.send_message_stream("Geh!"))
    else:
        answer = text_of(chat.send_message("Geh!"))
    chat.send_message("Und nun?")

    assert answer.endswith("Ich bin da, 日本.")
    assert [str(request.refusal) for request in on.backend.refusals] == []
    arrived = strings(last_sent(on))
    assert any("walked é" in text for text in arrived)
    assert any("Ich bin da, 日本." in text for text in arrived)
