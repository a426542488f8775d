"""Parts of a message that OpenAI's two APIs have in common are read alike."""

from __future__ import annotations

from typing import Any

import pytest

from translators import registry
from translators.canonical.blocks import Block, Document, Image, Media, Text
from translators.canonical.errors import TranslationError

#: Path of the conversation, and what a picture, a file and a text are called there.
APIS: dict[str, dict[str, str]] = {
    "openai_chat": {"said": "messages", "image": "image_url", "file": "input_file", "text": "text"},
    "openai_responses": {"said": "input", "image": "input_image", "file": "input_file", "text": "input_text"},
}


def read(api: str, kind: str, **fields: Any) -> Block:
    names = APIS[api]
    said = [{"role": "user", "content": [{"type": names.get(kind, kind), **fields}]}]
    (block,) = registry.get(api).decode_request({"model": "m", names["said"]: said}).turns[0].blocks
    return block


def refused(api: str, kind: str, **fields: Any) -> tuple[str | None, str | None]:
    with pytest.raises(TranslationError) as caught:
        read(api, kind, **fields)
    return caught.value.info.param, caught.value.info.code


HOUR = {"type": "ephemeral", "ttl": "1h"}
PARTS: list[tuple[str, dict[str, Any], Block]] = [
    ("image", {"image_url": "https://x/y.png"}, Image(url="https://x/y.png")),
    ("image", {"image_url": {"url": "https://x/y.png", "detail": "low"}}, Image(url="https://x/y.png", detail="low")),
    ("image", {"image_url": "https://x/y.png", "detail": "low"}, Image(url="https://x/y.png", detail="low")),
    ("image", {"image_url": "https://x/y.png", "detail": "auto"}, Image(url="https://x/y.png")),
    ("image", {"file_id": "file-1"}, Image(file_id="file-1")),
    ("image", {"image_url": "data:image/PNG;base64,AA=="}, Image("image/png", "AA==")),
    ("image", {"image_url": "data:text/plain,\ud800"}, Image("text/plain", "Pw==")),
    ("file", {"filename": "a.md", "file_data": "AA=="}, Document("text/markdown", "AA==", name="a.md")),
    ("file", {"filename": "a.CSV", "file_data": "AA=="}, Document("text/csv", "AA==", name="a.CSV")),
    ("file", {"filename": "a.txt", "file_data": "AA=="}, Document("text/plain", "AA==", name="a.txt")),
    ("file", {"file_data": "AA=="}, Document("application/pdf", "AA==")),
    ("file", {"file_url": "https://x/y.pdf"}, Document(url="https://x/y.pdf")),
    ("input_audio", {"input_audio": {"data": "AA=="}}, Media("audio/wav", "AA==")),
    (
        "text",
        {"text": "t", "prompt_cache_breakpoint": {"ttl": "1h"}},
        Text("t", cache={"type": "ephemeral", "ttl": "1h"}),
    ),
    ("text", {"text": "t", "cache_control": {"type": "ephemeral"}}, Text("t", cache={"type": "ephemeral"})),
]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(("kind", "fields", "block"), PARTS)
def test_a_part(api: str, kind: str, fields: dict[str, Any], block: Block) -> None:
    assert read(api, kind, **fields) == block


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("kind", "fields", "where", "code"),
    [
        ("image", {}, "image_url", "missing_required_parameter"),
        ("image", {"image_url": {}}, "image_url.url", "missing_required_parameter"),
        ("image", {"image_url": "data:x"}, "image_url", "invalid_value"),
        ("image", {"image_url": "https://x/y.png", "detail": 5}, "detail", "invalid_type"),
        ("file", {}, "file_data", "missing_required_parameter"),
        ("file", {"file_data": "data:x"}, "file_data", "invalid_value"),
        ("input_audio", {}, "input_audio", "invalid_type"),
        ("input_audio", {"input_audio": {"data": "AA==", "format": 5}}, "input_audio.format", "invalid_type"),
    ],
)
def test_what_is_wrong_with_a_part_is_named(api: str, kind: str, fields: dict[str, Any], where: str, code: str) -> None:
    assert refused(api, kind, **fields) == (f"{APIS[api]['said']}[0].content[0].{where}", code)
