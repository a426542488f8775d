"""Conversations whose backend changes in the middle, as failover does it, and what only some backends can keep."""

from __future__ import annotations

import itertools

import pytest

from tests.e2e.stage import PROTOCOLS, Stage
from tests.standin import Call, Scenario, Turn

from .speaking import Outcome, Wish
from .talking import SPEAKERS, ask, last_sent, strings
from .test_conversations import CLIENTS, JOB, OUTCOMES, PROMPT, SYSTEM

pytestmark = pytest.mark.e2e

THOUGHTS = Scenario(
    turns=(Turn(("Erst dies. ", "Dann das."), "Los: ", (Call("run", {"command": "a"}),), redacted=True),),
    final=Turn(("Noch eins.",), "Fertig.", redacted=True),
)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("order", list(itertools.permutations(PROTOCOLS))[::5], ids="-".join)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_job_goes_on_at_another_backend_every_turn(
    on: Stage, client: str, order: tuple[str, ...], stream: bool
) -> None:
    """What one backend sealed is nothing to the next, and not in its way."""
    speaker = CLIENTS[client]
    on.backend.scenario = JOB
    wish = Wish(system=SYSTEM, history=[speaker.user(PROMPT)], tools=True, thinking=True, stream=stream)
    for backend, turn, outcomes in zip(order, JOB.turns, OUTCOMES, strict=False):
        answer = ask(on, speaker, backend, wish)
        assert answer.text == turn.text
        assert [(call.name, call.arguments) for call in answer.calls] == [(c.name, c.arguments) for c in turn.calls]
        wish.history += [*answer.items, *speaker.results(list(zip(answer.calls, outcomes, strict=True)))]
    assert ask(on, speaker, order[-1], wish).text == JOB.last.text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("backend", PROTOCOLS)
@pytest.mark.parametrize("client", CLIENTS)
def test_several_thoughts_and_hidden_ones_come_back_to_their_backend(
    on: Stage, client: str, backend: str, stream: bool
) -> None:
    speaker = CLIENTS[client]
    on.backend.scenario = THOUGHTS
    wish = Wish(history=[speaker.user(PROMPT)], tools=True, thinking=True, stream=stream)
    answer = ask(on, speaker, backend, wish)
    assert answer.text == "Los: "
    wish.history += [*answer.items, *speaker.results([(answer.calls[0], Outcome("getan"))])]
    answer = ask(on, speaker, backend, wish)
    assert answer.text == "Fertig."
    wish.history += [*answer.items, speaker.user("Und?")]
    assert ask(on, speaker, backend, wish).text == "Fertig."
    if backend == "anthropic":
        kinds = [block["type"] for block in last_sent(on)["messages"][1]["content"]]
        assert kinds == ["thinking", "thinking", "redacted_thinking", "text", "tool_use"]


PATCH = '*** Begin Patch\n+grüße "日本" \\ 🎈\n*** End Patch'


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("backend", PROTOCOLS)
def test_free_text_tools_of_responses_clients_work_everywhere(on: Stage, backend: str, stream: bool) -> None:
    """Codex's apply_patch: wrapped as a function where the backend has no such tools."""
    speaker = SPEAKERS["openai_responses"]
    on.backend.scenario = Scenario(
        turns=(Turn("Hm.", calls=(Call("apply_patch", {"input": PATCH}, text=PATCH),)),), final="Getan."
    )
    tool = {"type": "custom", "name": "apply_patch", "description": "Edits files."}
    wish = Wish(history=[speaker.user("Ändere!")], thinking=True, stream=stream)
    body = {**speaker.body(wish), "tools": [tool]}

    headers = speaker.headers(on.keys[backend])
    response = on.client.post("/v1/responses", json=body, headers=headers)
    assert response.status_code == 200, response.text
    answer = speaker.streamed(response.content) if stream else speaker.whole(response.json())
    [call] = [item for item in answer.items if item["type"] == "custom_tool_call"]
    assert (call["name"], call["input"]) == ("apply_patch", PATCH)

    result = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "Success"}
    body = {**body, "input": [*body["input"], *answer.items, result]}
    response = on.client.post("/v1/responses", json=body, headers=headers)
    answer = speaker.streamed(response.content) if stream else speaker.whole(response.json())
    assert answer.text == "Getan."
    assert on.backend.refusals == []
    assert "Success" in strings(last_sent(on))
