"""What one kind of provider alone does: tokens that are exchanged, a content filter, Ollama's own settings."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.e2e.pairs.speaking import Wish
from tests.e2e.pairs.talking import SPEAKERS, ask, last_sent, post
from tests.e2e.stage import Stage
from tests.standin.azure import FILTERED, FORBIDDEN, AzureStandIn
from tests.standin.vertex import VertexStandIn

from .conftest import ROOT, credential
from .kinds import KINDS

pytestmark = pytest.mark.e2e


def vertex(at: dict[str, Stage], name: str, secret: str = "") -> tuple[Stage, VertexStandIn]:
    """A credential of its own, which has no token yet, at the stand-in of Gemini on Vertex."""
    shared, backend = at[ROOT], at["vertex gemini"].backend
    assert isinstance(backend, VertexStandIn)
    made = credential(name, KINDS["vertex gemini"], backend)
    info = {**json.loads(made.secret), "private_key_id": name}
    made = dataclasses.replace(made, secret=secret or json.dumps(info))
    key = shared.key(shared.add(made), model="gemini-3.5-flash")
    backend.grants, backend.trouble = 0, ""
    return shared.beside(backend, {name: key}), backend


def test_many_requests_at_once_need_one_token(at: dict[str, Stage]) -> None:
    on, backend = vertex(at, "many")
    speaker = SPEAKERS["openai_chat"]
    wish = Wish(history=[speaker.user("Hi")])
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: post(on, speaker, "many", wish).status_code, range(40)))
    assert statuses == [200] * 40
    assert backend.grants == 1


def test_a_token_that_is_refused_is_replaced_within_the_request(at: dict[str, Stage]) -> None:
    on, backend = vertex(at, "revoked")
    speaker = SPEAKERS["anthropic"]
    wish = Wish(history=[speaker.user("Hi")])
    assert post(on, speaker, "revoked", wish).status_code == 200
    backend.token = "withdrawn"
    assert post(on, speaker, "revoked", wish).status_code == 200
    assert backend.grants == 2


def test_a_token_is_replaced_before_it_expires(at: dict[str, Stage]) -> None:
    on, backend = vertex(at, "short")
    speaker = SPEAKERS["anthropic"]
    backend.lifetime = 10
    try:
        for _ in range(2):
            assert post(on, speaker, "short", Wish(history=[speaker.user("Hi")])).status_code == 200
    finally:
        backend.lifetime = 3600
    assert backend.grants == 2


def test_a_service_account_that_is_no_more_is_told_to_the_client(at: dict[str, Stage]) -> None:
    on, backend = vertex(at, "gone")
    backend.trouble = "Invalid grant: account not found"
    response = post(on, SPEAKERS["anthropic"], "gone", Wish(history=[SPEAKERS["anthropic"].user("Hi")]))
    backend.trouble = ""
    assert response.status_code == 401
    assert "account not found" in response.json()["error"]["message"]


def test_gclouds_own_login_works_too(at: dict[str, Stage]) -> None:
    info = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "a-refresh-token"}
    on, backend = vertex(at, "adc", json.dumps({**info, "project_id": "my-project"}))
    speaker = SPEAKERS["gemini"]
    assert post(on, speaker, "adc", Wish(history=[speaker.user("Hi")])).status_code == 200
    assert backend.grants == 1


def test_dates_of_models_have_an_at_sign_on_vertex(at: dict[str, Stage]) -> None:
    shared, backend = at[ROOT], at["vertex claude"].backend
    name = shared.add(credential("dated", KINDS["vertex claude"], backend))
    on = shared.beside(backend, {"dated": shared.key(name, model="claude-sonnet-4-5-20250929")})
    speaker = SPEAKERS["anthropic"]
    ask(on, speaker, "dated", Wish(history=[speaker.user("Hi")], stream=True))
    assert last_sent(on)["model"] == "claude-sonnet-4-5@20250929"


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("kind", ["azure_openai v1", "azure_openai deployments"])
def test_what_azures_filter_says_reaches_every_client(at: dict[str, Stage], kind: str, client: str) -> None:
    on, speaker = at[kind], SPEAKERS[client]
    response = post(on, speaker, kind, Wish(history=[speaker.user(FORBIDDEN)], stream=True))
    assert response.status_code == 400
    assert FILTERED in response.text


@pytest.mark.parametrize("kind", ["azure_openai v1", "azure_openai deployments"])
def test_the_filters_own_chunk_ahead_of_a_stream_disturbs_nobody(at: dict[str, Stage], kind: str) -> None:
    on = at[kind]
    assert isinstance(on.backend, AzureStandIn)
    on.backend.shows_filter = True
    try:
        client = openai.OpenAI(base_url=f"{on.gateway.url}/v1", api_key=on.keys[kind], max_retries=0)
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "Hi"}]) as events:
            assert events.get_final_completion().choices[0].message.content == "Hello"
        speaker = SPEAKERS["gemini"]
        assert ask(on, speaker, kind, Wish(history=[speaker.user("Hi")], stream=True)).text == "Hello"
    finally:
        on.backend.shows_filter = False


def test_ollama_is_told_its_context_length_and_gets_images_as_bytes(at: dict[str, Stage]) -> None:
    on, speaker = at["ollama"], SPEAKERS["anthropic"]
    ask(on, speaker, "ollama", Wish(history=[speaker.user("Hi")], max_tokens=77, stop=["X"], stream=True))
    assert last_sent(on)["options"] == {"num_predict": 77, "stop": ["X"], "num_ctx": 32768}


def test_ollama_answers_in_a_schema(at: dict[str, Stage]) -> None:
    on, speaker = at["ollama"], SPEAKERS["openai_responses"]
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    answer = ask(on, speaker, "ollama", Wish(history=[speaker.user("Hi")], schema=schema))
    assert isinstance(json.loads(answer.text)["n"], int)
    assert last_sent(on)["format"] == schema


@pytest.mark.parametrize("kind", ["new_api", "preset of two protocols", "provider of one's own", "ollama"])
def test_a_client_that_asks_for_models_sees_what_the_backend_has(at: dict[str, Stage], kind: str) -> None:
    on = at[kind]
    headers = {"authorization": f"Bearer {on.keys[kind]}"}
    names = [model["id"] for model in on.client.get("/v1/models", headers=headers).json()["data"]]
    assert {"standin-1", "standin-2"} <= set(names)
    assert on.client.get("/v1/models/standin-2", headers=headers).json()["id"] == "standin-2"
