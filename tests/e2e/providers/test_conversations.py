"""A job of several turns, errors and counts, by clients of every protocol through every kind of provider."""

from __future__ import annotations

import pytest

from tests.e2e.pairs.speaking import PNG, Wish
from tests.e2e.pairs.talking import SPEAKERS, ask, last_sent, post, strings
from tests.e2e.pairs.test_conversations import JOB, OUTCOMES, PROMPT, SYSTEM
from tests.e2e.stage import Stage
from tests.standin import Scenario, Turn
from tests.standin.failures import error_after, error_first_event, status

from .kinds import KINDS

pytestmark = pytest.mark.e2e

#: Providers whose service counts no tokens.
ESTIMATED = ("ollama", "azure_openai", "codex", "kiro", "qwen", "iflow")

#: Clients of each protocol get streams; whole answers take the same way, so two of them must do.
PAIRS = [
    *((kind, client, True) for kind in KINDS for client in SPEAKERS),
    *((kind, client, False) for kind in KINDS for client in ("anthropic", "openai_chat")),
]


@pytest.mark.parametrize(("kind", "client", "stream"), PAIRS)
def test_a_job_of_several_turns_is_done(at: dict[str, Stage], kind: str, client: str, stream: bool) -> None:
    on, speaker, known = at[kind], SPEAKERS[client], KINDS[kind]
    on.backend.scenario = JOB
    wish = Wish(system=SYSTEM, history=[speaker.user(PROMPT)], tools=True, thinking=True, stream=stream)

    for turn, outcomes in zip(JOB.turns, OUTCOMES, strict=True):
        answer = ask(on, speaker, kind, wish)

        if client not in known.hides_thinking:
            assert answer.thinking == "".join(turn.thoughts)
        assert answer.text == turn.text
        assert [(call.name, call.arguments) for call in answer.calls] == [(c.name, c.arguments) for c in turn.calls]
        assert len({call.id for call in answer.calls}) == len(turn.calls)
        assert answer.stop == "tools"
        given = list(zip(answer.calls, outcomes, strict=True))
        wish.history += [*answer.items, *speaker.results(given)]
    answer = ask(on, speaker, kind, wish)

    assert (answer.text, answer.stop) == (JOB.last.text, "end")
    assert answer.used is not None and answer.used.input > 0 and answer.used.output > 0
    arrived = strings(last_sent(on))
    for text in (SYSTEM, PROMPT, *(outcome.text for given in OUTCOMES for outcome in given)):
        assert any(text in one for one in arrived), f"{text} did not arrive"
    assert any(PNG in one for one in arrived), "the image of the result did not arrive"
    reached = {request.protocol for request in on.backend.main_requests}
    assert reached == {known.spoken[client]} if client in known.spoken else len(reached) == 1


@pytest.mark.parametrize("client", ["anthropic", "openai_chat"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_image_and_a_limit_arrive(at: dict[str, Stage], kind: str, client: str) -> None:
    on, speaker = at[kind], SPEAKERS[client]
    on.backend.scenario = Scenario(final=Turn(text="Ein Pixel", stop="length"))
    answer = ask(on, speaker, kind, Wish(history=[speaker.user("Was ist das?", PNG)], max_tokens=77, stream=True))
    assert (answer.text, answer.stop) == ("Ein Pixel", "length")
    assert any(PNG in one for one in strings(last_sent(on)))


@pytest.mark.parametrize("client", ["anthropic", "openai_chat", "gemini"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_is_told_in_the_clients_words(at: dict[str, Stage], kind: str, client: str) -> None:
    on, speaker = at[kind], SPEAKERS[client]
    on.backend.fail_next(1, status(429, {"retry-after": "7"}))
    response = post(on, speaker, kind, Wish(history=[speaker.user("Hi")]))
    assert response.status_code == 429, response.text
    assert "error" in response.json()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_before_content_is_an_answer_of_its_own_and_one_in_the_stream_is_told_there(
    at: dict[str, Stage], kind: str
) -> None:
    on, speaker = at[kind], SPEAKERS["openai_chat"]
    wish = Wish(history=[speaker.user("Hi")], stream=True)
    on.backend.fail_next(1, error_first_event())
    assert post(on, speaker, kind, wish).status_code >= 500
    on.backend.scenario = Scenario(final=Turn(text="eins zwei drei vier fünf sechs sieben acht neun zehn"))
    on.backend.fail_next(1, error_after(6))
    response = post(on, speaker, kind, wish)
    assert response.status_code == 200 and '"error"' in response.text


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_counted_by_the_backend_or_estimated(at: dict[str, Stage], kind: str) -> None:
    on, speaker = at[kind], SPEAKERS["anthropic"]
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello there"}], "system": "Be brief."}
    headers = speaker.headers(on.keys[kind])
    response = on.client.post("/v1/messages/count_tokens", json=body, headers=headers)
    assert response.status_code == 200 and response.json()["input_tokens"] > 0
    counted = kind.partition(" ")[0] not in ESTIMATED or kind == "ollama compatible"
    assert ("x-proxycast-estimated" not in response.headers) is counted, response.headers
