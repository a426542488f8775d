"""Code Assist's envelope: what goes into it, and what comes out of it (gemini_code_assist.md §3)."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.providers.api import Call, Operation, Upstream
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.code_assist import KNOWN, ROWS
from tests.standin.google_internal import UUID, Seen, complaints
from translators import registry as protocols
from translators.canonical.errors import TranslationError
from translators.canonical.events import Error, Finish
from translators.canonical.names import NameMap
from translators.canonical.response import folded

PROVIDER = built_in().get("gemini_oauth")
WIRE = protocols.get("code_assist")
GEMINI = protocols.get("gemini")
MODEL = "gemini-3.5-flash"


def credential(**settings: Any) -> Credential:
    return Credential("c", "gemini_oauth", "an-access-token", {"project": "my-project-1", **settings})


def call(body: Any, *, stream: bool = False, model: str = MODEL, **more: Any) -> Call:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    more = {"conversation": "a conversation", "headers": [("content-type", "application/json")], **more}
    return Call(Operation.GENERATE, "code_assist", model, stream, data, translated=True, **more)


def sent(body: Any, with_: Credential | None = None, **more: Any) -> Any:
    return json.loads(PROVIDER.build(call(body, **more), with_ or credential()).body)


def says(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def test_the_envelope_names_model_project_prompt_and_session():
    made = sent(says("Hi"))
    assert made.keys() == {"model", "project", "user_prompt_id", "request"}
    assert (made["model"], made["project"]) == (MODEL, "my-project-1")
    assert re.fullmatch(UUID, made["user_prompt_id"]) and re.fullmatch(UUID, made["request"].pop("session_id"))
    assert made["request"] == says("Hi")


def test_a_conversation_keeps_its_session_and_each_of_its_prompts_has_an_id():
    first = sent(says("Hi"))
    asked = {"contents": [*says("Hi")["contents"], {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]}
    given_back = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
    with_result = sent({"contents": [*asked["contents"], given_back]})
    second = sent({"contents": [*asked["contents"], given_back, *says("And then?")["contents"]]})
    other = sent(says("Hi"), conversation="another")
    assert first["request"]["session_id"] == with_result["request"]["session_id"] == second["request"]["session_id"]
    assert first["user_prompt_id"] == with_result["user_prompt_id"] != second["user_prompt_id"]
    assert other["request"]["session_id"] != first["request"]["session_id"]


def test_requests_of_no_known_conversation_have_ids_of_their_own():
    one, other = (sent(says("Hi"), conversation="") for _ in range(2))
    assert one["request"]["session_id"] != other["request"]["session_id"]


def test_a_gemini_clients_own_contents_keep_their_bytes():
    contents = (
        '[ {"role":"user", "parts":[ {"text":"h\\u00fc \\ud83c"} , {"n": 1.50, "big": 12345678901234567890123}]}]'
    )
    rest = '"generationConfig":{"temperature":1.0}, "store":true,"cached_content":"x"'
    body = f'{{"contents":{contents},{rest}}}'
    data = PROVIDER.build(call(body.encode()), credential()).body.decode()
    assert f'"contents":{contents}' in data and '"generationConfig":{"temperature":1.0}' in data
    assert "store" not in data, "the envelope does not know it"
    assert '"cachedContent":"x"' in data


def test_an_empty_request_still_makes_json():
    assert sent({})["request"].keys() == {"session_id"}


@pytest.mark.parametrize(
    ("given_", "made"),
    [
        ({"parts": [{"text": "Be brief."}]}, {"role": "user", "parts": [{"text": "Be brief."}]}),
        ({"role": "system", "parts": [{"text": "x"}]}, {"role": "user", "parts": [{"text": "x"}]}),
        ({"role": "user", "parts": [{"text": "x"}]}, {"role": "user", "parts": [{"text": "x"}]}),
        ("Be brief.", {"role": "user", "parts": [{"text": "Be brief."}]}),
    ],
)
def test_system_text_has_the_users_role(given_: Any, made: Any):
    assert sent({**says("Hi"), "systemInstruction": given_})["request"]["systemInstruction"] == made
    assert sent({**says("Hi"), "system_instruction": given_})["request"]["systemInstruction"] == made


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ({"text": "Hm.", "thought": True}, {"text": "Hm.\n[Thought: true]"}),
        ({"text": "", "thought": True, "thoughtSignature": "s"}, {"text": "[Thought: true]", "thoughtSignature": "s"}),
        ({"functionCall": {"name": "f"}, "thought": True}, {"functionCall": {"name": "f"}}),
        ({"text": "Hm.", "thought": False}, {"text": "Hm."}),
    ],
)
def test_thoughts_of_a_clients_history_become_texts(part: Any, made: Any):
    body = {"contents": [*says("Hi")["contents"], {"role": "model", "parts": [part]}, *says("Go on")["contents"]]}
    assert sent(body)["request"]["contents"][1]["parts"] == [made]


def test_the_model_has_no_prefix_and_credits_are_spent_only_when_their_owner_said_so():
    assert sent(says("Hi"), model="models/gemini-3.5-flash")["model"] == MODEL
    assert "enabled_credit_types" not in sent(says("Hi"))
    assert sent(says("Hi"), credential(use_credits=True))["enabled_credit_types"] == ["GOOGLE_ONE_AI"]


@pytest.mark.parametrize("own", [True, False])
def test_a_web_search_does_not_stand_beside_functions(own: bool):
    tools: list[Any] = [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]
    body = {**says("Hi"), "tools": tools}
    if own:
        made = sent(body)["request"]["tools"]
    else:
        request = GEMINI.decode_request(body, model=MODEL, stream=False)
        encoded = WIRE.encode_request(request, PROVIDER.target("code_assist", MODEL, credential()))
        made = encoded.body["tools"]
        assert any("search" in note for note in encoded.notes)
    assert made == tools[:1]
    alone = {**says("Hi"), "tools": tools[1:]}
    assert sent(alone)["request"]["tools"] == tools[1:]


def test_more_than_one_answer_is_refused_rather_than_lost():
    with pytest.raises(TranslationError, match="candidateCount"):
        sent({**says("Hi"), "generationConfig": {"candidateCount": 2}})
    assert sent({**says("Hi"), "generationConfig": {"candidateCount": 1}})


def count_body(client_body: Any) -> Any:
    request = GEMINI.decode_request(client_body, model=MODEL, stream=False)
    return WIRE.encode_count_request(request, PROVIDER.target("code_assist", MODEL, credential()))


def test_only_contents_are_counted_and_system_text_and_tools_are_told_in_them():
    body = {
        **says("Hi"),
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "look_around"}]}],
    }
    made = count_body(body)
    assert made.keys() == {"request"} and made["request"].keys() == {"model", "contents"}
    assert made["request"]["model"] == f"models/{MODEL}"
    first, second = made["request"]["contents"]
    assert first["parts"][0] == {"text": "Be brief."} and "look_around" in first["parts"][1]["text"]
    assert second == says("Hi")["contents"][0]
    counted = call(made)
    counted.operation = Operation.COUNT_TOKENS
    upstream = PROVIDER.build(counted, credential())
    assert upstream.url.endswith("/v1internal:countTokens") and json.loads(upstream.body) == made
    assert WIRE.decode_token_count({"totalTokens": 7}) == 7


# -- headers and addresses


@pytest.mark.parametrize(
    ("operation", "stream", "method"),
    [
        (Operation.GENERATE, False, "generateContent"),
        (Operation.GENERATE, True, "streamGenerateContent"),
        (Operation.COUNT_TOKENS, False, "countTokens"),
    ],
)
def test_every_field_of_a_request_is_what_the_sheet_says(operation: Operation, stream: bool, method: str):
    made = call(count_body(says("Hi")) if operation is Operation.COUNT_TOKENS else says("Hi"), stream=stream)
    made.operation = operation
    upstream = PROVIDER.build(made, credential())
    assert list(complaints(ROWS, KNOWN, seen(upstream, method))) == []
    assert upstream.method == "POST"
    assert upstream.url.startswith(f"https://cloudcode-pa.googleapis.com/v1internal:{method}")
    assert dict(upstream.headers)["Authorization"] == "Bearer an-access-token"
    assert len({name.lower() for name, _ in upstream.headers}) == len(upstream.headers)


def seen(upstream: Upstream, method: str) -> Seen:
    headers = {name.lower(): value for name, value in upstream.headers}
    query = {"alt": "sse"} if upstream.url.endswith("?alt=sse") else {}
    return Seen(method, headers, query, json.loads(upstream.body))


def test_a_header_of_the_clients_own_does_not_name_another():
    headers = [("content-type", "application/json"), ("user-agent", "proxycast/0.1"), ("accept", "application/json")]
    upstream = PROVIDER.build(call(says("Hi"), headers=headers), credential())
    assert [value for name, value in upstream.headers if name.lower() == "user-agent"] == [
        value for name, value in PROVIDER.identity("generate", credential(), model=MODEL) if name == "User-Agent"
    ]


def test_other_endpoints_of_geminis_are_not_there():
    made = call(b"", path="/v1beta/cachedContents")
    made.operation = Operation.PASS
    with pytest.raises(TranslationError, match="no such endpoint"):
        PROVIDER.build(made, credential())


# -- answers


def envelope(*parts: Any, **candidate: Any) -> dict[str, Any]:
    inner = {
        "candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
        "modelVersion": MODEL,
        "responseId": "r1",
    }
    return {"response": inner, "traceId": "t", "remainingCredits": []}


CHUNKS = [
    envelope({"text": "Hm.", "thought": True}),
    {"traceId": "t", "consumedCredits": [{"creditType": "GOOGLE_ONE_AI", "creditAmount": "1"}]},
    envelope({"text": "Grüße 日本 \u2028 🎈"}),
    envelope({"functionCall": {"name": "f", "args": {"x": [1]}, "id": "c1"}, "thoughtSignature": "c2ln"}),
    envelope({"text": ""}, finishReason="STOP"),
]


def event(value: Any, *, lines: bool) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=1 if lines else None)
    return "".join(f"data: {line}\n" for line in text.split("\n")).encode() + b"\n"


def stream(*, lines: bool) -> bytes:
    return b"".join(event(chunk, lines=lines) for chunk in CHUNKS)


def fed(pieces: list[bytes]) -> Any:
    decoder = WIRE.stream_decoder(NameMap())
    return folded([event for piece in pieces for event in decoder.feed(piece)] + decoder.end())


def plain() -> Any:
    """What Gemini's own decoder makes of the same without envelopes."""
    decoder = GEMINI.stream_decoder(NameMap())
    bare = b"".join(event(chunk["response"], lines=False) for chunk in CHUNKS if "response" in chunk)
    return folded([*decoder.feed(bare), *decoder.end()])


@pytest.mark.parametrize("lines", [False, True], ids=["one line", "many lines"])
def test_a_stream_of_envelopes_says_what_is_in_them_wherever_it_is_cut(lines: bool):
    data, wanted = stream(lines=lines), plain()
    for at in range(len(data) + 1):
        assert fed([data[:at], data[at:]]) == wanted
    assert fed([data[n : n + 1] for n in range(len(data))]) == wanted


@given(st.lists(st.integers(0, len(stream(lines=True))), max_size=6))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]):
    data, at = stream(lines=True), sorted({0, *cuts, len(stream(lines=True))})
    assert fed([data[a:b] for a, b in pairwise(at)]) == plain()


def test_a_whole_answer_is_the_stream_in_one():
    parts = [part for chunk in CHUNKS if "response" in chunk for part in inner_parts(chunk)]
    answer = WIRE.decode_response(envelope(*parts, finishReason="STOP"), NameMap())
    assert answer.blocks == plain().blocks and answer.stop == plain().stop


def inner_parts(chunk: Any) -> Any:
    return chunk["response"]["candidates"][0]["content"]["parts"]


def test_a_stream_that_breaks_off_is_an_error_and_no_end():
    data = stream(lines=True)
    for at in range(len(data) - len(event(CHUNKS[-1], lines=True))):
        decoder = WIRE.stream_decoder(NameMap())
        events = [*decoder.feed(data[:at]), *decoder.end()]
        assert isinstance(events[-1], Error) and not any(isinstance(one, Finish) for one in events)


@pytest.mark.parametrize(
    "tail", [b'data: {"error":{"code":503,"message":"gone"}}\n\n', b'{"error":{"code":503,"message":"gone"}}\n']
)
def test_an_error_stands_outside_of_the_envelopes(tail: bytes):
    decoder = WIRE.stream_decoder(NameMap())
    *_, last = [*decoder.feed(event(CHUNKS[2], lines=True) + tail), *decoder.end()]
    assert isinstance(last, Error) and last.error.message == "gone"


def test_signatures_are_geminis_own_so_that_a_gemini_client_can_give_them_back():
    answer = WIRE.decode_response(envelope(*inner_parts(CHUNKS[3]), finishReason="STOP"), NameMap())
    assert {block.origin for block in answer.blocks if hasattr(block, "origin")} == {"gemini"}
