"""Turns and their blocks, each request held against botocore's model of Converse (apikey_backends.md §6)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from translators.canonical.blocks import (
    Block,
    Document,
    Image,
    Media,
    Opaque,
    Text,
    Thinking,
    ToolResult,
)
from translators.canonical.errors import TranslationError
from translators.canonical.request import (
    Role,
)

from .support import CLAUDE, PDF, PNG, PROTOCOL, RAW, RUN, ask, body, called, encoded, messages, talk, target

# -- who speaks


def test_system_text_stands_in_blocks_of_its_own() -> None:
    sent = body(ask(system=[Text("one"), Text("  "), Text("two")]))
    assert sent["system"] == [{"text": "one"}, {"text": "two"}]


def test_claude_codes_billing_header_is_taken_out() -> None:
    sent = body(ask(origin="anthropic", system=[Text("x-anthropic-billing-header: a=1;"), Text("rules")]))
    assert sent["system"] == [{"text": "rules"}]


def test_system_text_in_mid_conversation_becomes_a_reminder() -> None:
    request = talk((Role.USER, [Text("a")]), (Role.SYSTEM, [Text("be quick")]))
    assert messages(request) == [("user", [{"text": "a"}, {"text": "<system-reminder>\nbe quick\n</system-reminder>"}])]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], [("user", ["(empty)"])]),
        ([(Role.USER, [])], [("user", ["(empty)"])]),
        ([(Role.USER, [Text(" \n")])], [("user", ["(empty)"])]),
        ([(Role.USER, [Text("a"), Text(" ")])], [("user", ["a"])]),
        (
            [(Role.ASSISTANT, [Text("hi")]), (Role.USER, [Text("a")])],
            [("user", ["(empty)"]), ("assistant", ["hi"]), ("user", ["a"])],
        ),
        ([(Role.USER, [Text("a")]), (Role.ASSISTANT, [Text(" ")]), (Role.USER, [Text("b")])], [("user", ["a", "b"])]),
    ],
    ids=["no turns", "an empty one", "a blank one", "a blank block", "the assistant first", "a blank answer"],
)
def test_roles_alternate_and_nothing_is_blank(turns: Any, expected: Any) -> None:
    found = messages(talk(*turns))
    assert [(role, [block["text"] for block in content]) for role, content in found] == expected


# -- content


CONTENT = [
    pytest.param(Image("image/jpeg", PNG), {"image": {"format": "png", "source": {"bytes": PNG}}}, id="sniffed image"),
    pytest.param(Image("image/webp", RAW), {"image": {"format": "webp", "source": {"bytes": RAW}}}, id="image as told"),
    pytest.param(
        Image(url=f"data:image/png;base64,{PNG}"), {"image": {"format": "png", "source": {"bytes": PNG}}}, id="data URL"
    ),
    pytest.param(Image(url="https://e.example/a.png"), {"text": "[image at https://e.example/a.png]"}, id="address"),
    pytest.param(Image(file_id="file_1"), {"text": "[image at file_1]"}, id="a file elsewhere"),
    pytest.param(Image("image/bmp", RAW), {"text": "[image of type image/bmp]"}, id="a type it does not know"),
    pytest.param(Image("image/png", "%%%"), {"text": "[image of type image/png]"}, id="no base64"),
    pytest.param(Media("video/mp4", RAW), {"video": {"format": "mp4", "source": {"bytes": RAW}}}, id="video"),
    pytest.param(Media("audio/wav", RAW), {"audio": {"format": "wav", "source": {"bytes": RAW}}}, id="audio"),
    pytest.param(Media("audio/strange", RAW), {"text": "[file of type audio/strange]"}, id="strange audio"),
]


@pytest.mark.parametrize(("block", "expected"), CONTENT)
def test_media_go_as_bytes_or_as_a_note(block: Block, expected: Any) -> None:
    assert messages(ask(block)) == [("user", [expected])]


def document(name: str, format_: str = "pdf", data: str = PDF) -> Any:
    return {"document": {"format": format_, "name": name, "source": {"bytes": data}}}


DOCUMENTS = [
    pytest.param(
        Document("application/pdf", PDF, name="Bericht: März_2.pdf"), document("Bericht- M-rz-2-pdf"), id="a name"
    ),
    pytest.param(Document("application/pdf", PDF), document("document"), id="no name"),
    pytest.param(Document(text="hi", name="a"), document("a", "txt", base64.b64encode(b"hi").decode()), id="text"),
    pytest.param(Document("text/markdown", RAW, name="a.md"), document("a-md", "md", RAW), id="markdown"),
    pytest.param(Document(None, RAW, name="table.xlsx"), document("table-xlsx", "xlsx", RAW), id="by its ending"),
    pytest.param(Document("text/x-python", RAW, name="a.py"), document("a-py", "txt", RAW), id="other text"),
]


@pytest.mark.parametrize(("block", "expected"), DOCUMENTS)
def test_documents_have_a_lawful_name_and_a_text_beside_them(block: Block, expected: Any) -> None:
    assert messages(ask(block)) == [("user", [expected, {"text": "(document)"}])]
    assert messages(ask(block, Text("read"))) == [("user", [expected, {"text": "read"}])]


def test_names_of_documents_are_unique_and_as_before_on_the_next_request() -> None:
    pdf = Document("application/pdf", PDF, name="a")
    first = messages(ask(pdf, pdf, Text("read")))[0][1]
    assert [block["document"]["name"] for block in first[:2]] == ["a", "a (2)"]
    later = messages(
        talk((Role.USER, [pdf, pdf, Text("read")]), (Role.ASSISTANT, [Text("ok")]), (Role.USER, [pdf, Text("x")]))
    )
    assert later[0][1] == first
    assert later[2][1][0]["document"]["name"] == "a (3)"


@pytest.mark.parametrize(
    "block",
    [Document("application/zip", RAW, name="a.zip"), Document(url="https://e.example/a"), Document(file_id="f")],
)
def test_a_document_it_cannot_have_becomes_a_note(block: Document) -> None:
    found = encoded(ask(block))
    assert list(found.body["messages"][0]["content"][0]) == ["text"]
    assert found.notes


def test_context_and_citations_of_a_document_go_along() -> None:
    block = Document("application/pdf", PDF, name="a", context="c", citations={"enabled": True})
    sent = messages(ask(block, Text("t")))[0][1][0]["document"]
    assert sent["context"] == "c"
    assert sent["citations"] == {"enabled": True}


def test_media_of_the_assistant_become_a_note() -> None:
    request = talk((Role.USER, [Text("a")]), (Role.ASSISTANT, [Image("image/png", PNG)]), (Role.USER, [Text("b")]))
    assert messages(request)[1] == ("assistant", [{"text": "[image/png shown earlier]"}])


# -- reasoning in history


def test_reasoning_of_bedrock_returns_with_its_signature() -> None:
    request = talk(
        (Role.USER, [Text("a")]),
        (Role.ASSISTANT, [Thinking("hm", "sig", "bedrock"), Opaque("cmVk", "bedrock"), Text("b")]),
        (Role.USER, [Text("c")]),
    )
    assert messages(request)[1][1] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "cmVk"}},
        {"text": "b"},
    ]


@pytest.mark.parametrize(
    "block",
    [
        Thinking("hm", "sig", "anthropic"),
        Thinking("hm"),
        Thinking("hm", None, "bedrock"),
        Opaque("x", "openai_responses"),
    ],
)
def test_reasoning_of_others_is_dropped(block: Block) -> None:
    request = talk((Role.USER, [Text("a")]), (Role.ASSISTANT, [block, Text("b")]), (Role.USER, [Text("c")]))
    assert messages(request)[1][1] == [{"text": "b"}]


# -- the whole


def test_the_same_request_gives_the_same_body_and_stays_as_it_is() -> None:
    request = called(ToolResult("call_1", [Text("done")]))
    before = repr(request)
    assert body(request) == body(request)
    assert repr(request) == before


def test_counting_sends_what_counts() -> None:
    counted = PROTOCOL.encode_count_request(ask(system=[Text("s")], tools=[RUN], max_tokens=5), target())
    assert counted is not None
    assert counted["input"]["converse"].keys() == {"messages", "system", "toolConfig"}
    assert PROTOCOL.decode_token_count({"inputTokens": 12}) == 12
    assert PROTOCOL.decode_token_count({"message": "no"}) is None


def test_nobody_speaks_it_to_us() -> None:
    with pytest.raises(TranslationError, match="bedrock is spoken to backends only"):
        PROTOCOL.decode_request({"messages": []}, model=CLAUDE)
