"""A job of several turns with tools, by raw requests of every client protocol at a backend of every other."""

from __future__ import annotations

import base64

import pytest

from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import Call, Scenario, Turn

from .speak_gemini import GeminiSpeaker
from .speaking import PNG, Outcome, Speaker, Wish
from .talking import SPEAKERS, ask, last_sent, strings

pytestmark = pytest.mark.e2e

JOB = Scenario(
    turns=(
        Turn(
            "Überlegung: 日本語 🎈 é",
            "Ich sehe zweimal nach: ",
            (Call("run", {"command": "printf 'grüße 日本'", "times": 2}), Call("look", {"command": "bild.png"})),
        ),
        Turn("Noch einmal.", calls=(Call("run", {"command": "false", "where": ["a", "b"]}),)),
        Turn(text="Zum Schluss.", calls=(Call("look", {"command": "🎈"}), Call("look", {"command": "é"}))),
    ),
    final=Turn("Fertig gedacht.", 'Fertig: 一二三 🎉 \u2028 \\ " é'),
)
OUTCOMES = (
    (Outcome("grüße 日本"), Outcome("ein Bild", image=PNG)),
    (Outcome("exit status 1", error=True),),
    (Outcome("ballon"), Outcome("akzent")),
)
# What the stand-in's opaque tokens begin with: signatures, encrypted reasoning.
SEALED = base64.b64encode(b"standin:").decode()[:10]
SYSTEM = "You are a careful worker. Grüße!"
PROMPT = "Was ist zu tun? 日本 🎈"
# OpenAI shows summaries to those that ask, and chat requests have no word for it (some accounts may not ask at all).
HIDDEN = {("openai_chat", "openai_responses")}
CLIENTS: dict[str, Speaker] = {**SPEAKERS, "gemini-array": GeminiSpeaker(array=True)}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("backend", PROTOCOLS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_job_of_several_turns_is_done(on: Stage, client: str, backend: str, stream: bool) -> None:
    speaker = CLIENTS[client]
    on.backend.scenario = JOB
    wish = Wish(system=SYSTEM, history=[speaker.user(PROMPT)], tools=True, thinking=True, stream=stream)

    for turn, outcomes in zip(JOB.turns, OUTCOMES, strict=True):
        answer = ask(on, speaker, backend, wish)

        assert answer.thinking == ("" if (client, backend) in HIDDEN else "".join(turn.thoughts))
        assert answer.text == turn.text
        assert [(call.name, call.arguments) for call in answer.calls] == [(c.name, c.arguments) for c in turn.calls]
        assert answer.stop == "tools"
        given = list(zip(answer.calls, outcomes, strict=True))
        wish.history += [*answer.items, *speaker.results(given)]
    answer = ask(on, speaker, backend, wish)

    final = JOB.last
    assert (answer.text, answer.stop) == (final.text, "end")
    arrived = strings(last_sent(on))
    for text in (SYSTEM, PROMPT, *(outcome.text for given in OUTCOMES for outcome in given)):
        assert any(text in one for one in arrived), f"{text} did not arrive"
    assert any(PNG in one for one in arrived), "the image of the result did not arrive"
    assert len(on.backend.requests) == len(JOB.turns) + 1

    wish.history += [*answer.items, speaker.user("Und noch etwas?")]
    assert ask(on, speaker, backend, wish).text == final.text, "the conversation goes on after its answer"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("backend", PROTOCOLS)
@pytest.mark.parametrize("client", CLIENTS)
def test_what_the_backend_thought_is_given_back_to_it(on: Stage, client: str, backend: str, stream: bool) -> None:
    """Sealed where it seals (the stand-in refuses what it did not seal), in plain text at a chat backend."""
    speaker = CLIENTS[client]
    on.backend.scenario = JOB
    wish = Wish(history=[speaker.user(PROMPT)], tools=True, thinking=True, stream=stream)
    answer = ask(on, speaker, backend, wish)
    outcomes = list(zip(answer.calls, OUTCOMES[0], strict=True))
    wish.history += [*answer.items, *speaker.results(outcomes)]
    ask(on, speaker, backend, wish)

    wanted = JOB.turns[0].thoughts[0] if backend == "openai_chat" else SEALED
    assert any(wanted in text for text in strings(last_sent(on)))
