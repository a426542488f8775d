"""What users of the official SDKs rely on, through every kind of provider: images that arrive, errors of the right
class."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from google.genai import types

from tests.e2e.pairs.speaking import PNG
from tests.e2e.pairs.talking import last_sent, strings
from tests.e2e.sdk.clients import MODEL
from tests.e2e.sdk.test_errors import RAISED
from tests.e2e.stage import Stage
from tests.standin import Scenario, Turn, status
from tests.standin.conversations import anthropic_client, gemini_client, openai_client

from .kinds import KINDS

pytestmark = pytest.mark.e2e

QUESTION, ANSWER = "Was ist das? 日本", "Ein Pixel 🎈"
URL = f"data:image/png;base64,{PNG}"


def anthropic_asks(url: str, key: str) -> str:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content: Any = [{"type": "text", "text": QUESTION}, image]
    message = anthropic_client(url, key).messages.create(
        model=MODEL, max_tokens=500, messages=[{"role": "user", "content": content}]
    )
    return "".join(block.text for block in message.content if block.type == "text")


def chat_asks(url: str, key: str) -> str:
    content: Any = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": URL}}]
    completion = openai_client(url, key).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": content}]
    )
    return completion.choices[0].message.content or ""


def responses_asks(url: str, key: str) -> str:
    image = {"type": "input_image", "image_url": URL, "detail": "auto"}
    content: Any = [{"type": "input_text", "text": QUESTION}, image]
    items: Any = [{"role": "user", "content": content}]
    return openai_client(url, key).responses.create(model=MODEL, input=items, store=False).output_text


def gemini_asks(url: str, key: str) -> str:
    image = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")
    answer = gemini_client(url, key).models.generate_content(model=MODEL, contents=[QUESTION, image])
    return answer.text or ""


#: Each as in RAISED: a question with an image → the text of the answer.
ASKS: dict[str, Callable[[str, str], str]] = {
    "anthropic": anthropic_asks,
    "chat": chat_asks,
    "responses": responses_asks,
    "gemini": gemini_asks,
}


@pytest.mark.parametrize("sdk", ASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_image_arrives_and_the_answer_comes_back(at: dict[str, Stage], kind: str, sdk: str) -> None:
    on = at[kind]
    on.backend.scenario = Scenario(final=Turn(text=ANSWER))
    assert ASKS[sdk](on.gateway.url, on.keys[kind]) == ANSWER
    arrived = strings(last_sent(on))
    assert any(QUESTION in text for text in arrived)
    usual = [text.replace("-", "+").replace("_", "/") for text in arrived]  # Google's SDK writes base64 for URLs
    assert any(PNG in text for text in usual)


@pytest.mark.parametrize("sdk", ASKS)
@pytest.mark.parametrize("code", [400, 429, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_raised_as_its_class(at: dict[str, Stage], kind: str, code: int, sdk: str) -> None:
    on = at[kind]
    on.backend.fail_next(1, status(code))
    with pytest.raises(RAISED[code][sdk]):
        ASKS[sdk](on.gateway.url, on.keys[kind])
    asked = [request for request in on.backend.requests if request.endpoint == "generate"]
    assert len(asked) == 1, "a single candidate is asked once"
    on.forgive()
