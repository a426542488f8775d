"""Ten thousand ways to get a request wrong, the same ones every time, with what may come back."""

from __future__ import annotations

import copy
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import brotli
import zstandard

Json = Any

#: What may come back. REFUSED: 4xx in the protocol's shape. ANSWERED: that, or a 2xx where the fault is none to the
#: backend. UNREAD: the head cannot be read: a 400 and the end of the connection. CUT: the client itself goes away.
REFUSED, ANSWERED, UNREAD, CUT = "refused", "answered", "unread", "cut"

_PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
RICH: dict[str, tuple[str, Json]] = {
    "anthropic": (
        "/v1/messages",
        {
            "model": "claude-sonnet-4-6",
            "max_tokens": 100,
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PICTURE}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "t", "signature": "c2ln"},
                        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b"}},
                    ],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]},
            ],
            "tools": [{"name": "f", "description": "d", "input_schema": _SCHEMA}],
            "tool_choice": {"type": "auto"},
            "temperature": 1,
            "stop_sequences": ["x"],
            "stream": False,
            "metadata": {"user_id": "u"},
        },
    ),
    "openai_chat": (
        "/v1/chat/completions",
        {
            "model": "gpt-5.5",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "r"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": _SCHEMA}}],
            "tool_choice": "auto",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA}},
            "stop": ["x"],
            "max_completion_tokens": 10,
            "stream": False,
            "stream_options": None,
        },
    ),
    "openai_responses": (
        "/v1/responses",
        {
            "model": "gpt-5.5",
            "instructions": "i",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}]},
                {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":"b"}'},
                {"type": "function_call_output", "call_id": "call_1", "output": "r"},
            ],
            "tools": [{"type": "function", "name": "f", "parameters": _SCHEMA, "strict": False}],
            "tool_choice": "auto",
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA}},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "stream": False,
        },
    ),
    "gemini": (
        "/v1beta/models/gemini-3.5-flash:generateContent",
        {
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": _PICTURE}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": "b"}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": 1}}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parameters": _SCHEMA}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
            "generationConfig": {"temperature": 1, "stopSequences": ["x"], "thinkingConfig": {"thinkingBudget": 1}},
        },
    ),
}

#: What stands where something else was expected.
JUNK: list[Json] = [
    None, True, False, 0, -1, 1.5, 10**30, -(10**400), 1e308, "", "x", "\x00", "\ud800", "\udfff\ud800", "é" * 999, [],
    [[]], [None], [1, "a", {}], {}, {"": {}}, {"type": None}, {"type": "unknown"}, {"type": ["text"]}, {"role": 7},
    {"text": {"text": {}}}, [{"type": "text"}], "data:image/png;base64,%%%", "999" * 50,
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """`raw` goes out as it is, `{key}` in it being the client key; the connection is closed after it if `half`."""

    kind: str
    protocol: str
    raw: bytes
    expect: str
    half: bool = False


def cases(count: int, seed: int) -> Iterator[Case]:
    """The same for the same seed."""
    rng = random.Random(seed)
    kinds = [(make, weight) for make, weight in KINDS]
    for _ in range(count):
        make = rng.choices([m for m, _ in kinds], [w for _, w in kinds])[0]
        yield make(rng, rng.choice(list(RICH)))


def head(path: str, *, length: int | None, method: str = "POST", extra: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "x-proxycast-key: {key}", "content-type: application/json"]
    lines += [f"content-length: {length}"] if length is not None else []
    return "\r\n".join([*lines, *filter(None, [extra]), "", ""]).encode("utf-8", "surrogatepass")


def post(kind: str, protocol: str, body: bytes, expect: str, *, extra: str = "", path: str = "") -> Case:
    return Case(kind, protocol, head(path or RICH[protocol][0], length=len(body), extra=extra) + body, expect)


def dumps(value: Json) -> bytes:
    return json.dumps(value).encode()


# -- bodies that are no JSON


def not_json(rng: random.Random, protocol: str) -> Case:
    good = dumps(RICH[protocol][1])
    cut = rng.randrange(1, len(good) - 1)
    bodies = [
        b"", b" ", b"{", b"}", b"[]", b"null", b'"text"', b"1", b"true", b"{]", b"{'a':1}", b"{a:1}", b"NaN", b"\x00",
        good[:cut], good + b"}", good + good, b"\xff\xfe" + good, good.replace(b'"', b"'"), b"// c\n" + good,
        good[:-1] + b",}", good[:-1] + b',"x":NaN}', good[:-1] + b',"x":Infinity}', good[:-1] + b',"x":01}',
        good[:-1] + b',"x":"\xff\xfe"}', good[:-1] + b',"x":"\xc3"}', good[:-1] + b',"x":"\xed\xa0\x80"}',
        good[:-1] + b',"x":"\x01"}', good[:-1] + b',"x":"\\x"}', good[:-1] + b',"x":"\\ud8"}', good[:-1] + b',"x":.5}',
        good[:cut] + b"\x00" + good[cut:] if good[cut : cut + 1].isspace() else good[:-1] + b"\x00",
        rng.randbytes(rng.randrange(1, 200)),
    ]  # fmt: skip
    return post("not JSON", protocol, rng.choice(bodies), REFUSED)


def strange_text(rng: random.Random, protocol: str) -> Case:
    """JSON that is grammatical, but that no text can hold or no number."""
    good = dumps(RICH[protocol][1])
    tail = rng.choice(
        [b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b"1" * 5000, b"-1e99999", b"1e-99999", b'"a":1']
    )
    tail = b'"x":' + tail if not tail.endswith(b":1") else tail
    place = rng.random()
    body = good[:-1] + b"," + tail + b"}" if place < 0.5 else b"{" + tail + b"," + good[1:]
    return post("strange text", protocol, body, ANSWERED)


def deep(rng: random.Random, protocol: str) -> Case:
    depth = rng.choice([100, 500, 1100, 3000, 20_000])
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"type":', b"}]"), (b'{"parts":[', b"]}")])
    nested = opening * depth + b"1" + closing * depth
    field = rng.choice([key.encode() for key in RICH[protocol][1]] + [b"x"])
    good = dumps({k: v for k, v in RICH[protocol][1].items() if k.encode() != field})
    return post("deep", protocol, good[:-1] + b',"' + field + b'":' + nested + b"}", ANSWERED)


# -- the wrong thing in a field


def spots(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from spots(child, (*path, key))


SPOTS = {protocol: list(spots(body)) for protocol, (_, body) in RICH.items()}


def wrong_field(rng: random.Random, protocol: str) -> Case:
    path, body = RICH[protocol]
    body = copy.deepcopy(body)
    place: Json
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        *way, last = rng.choice(SPOTS[protocol])
        place = body
        try:
            for step in way:
                place = place[step]
            change = rng.random()
            if change < 0.75:
                place[last] = copy.deepcopy(rng.choice(JUNK))
            elif change < 0.9:
                del place[last]
            elif isinstance(place, list):
                place.append(copy.deepcopy(place[int(last)]))
            else:
                place[f"{last}x"] = place.pop(last)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            continue  # an earlier change took the place away
    if rng.random() < 0.3 and protocol == "gemini":
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    elif rng.random() < 0.3:
        body["stream"] = True
    return post("wrong field", protocol, dumps(body), ANSWERED, path=path)


def no_model(rng: random.Random, protocol: str) -> Case:
    body = RICH[protocol][1]
    if protocol == "gemini":
        return post("no model", protocol, dumps(body), REFUSED, path="/v1beta/models/:generateContent")
    wrong: Json = rng.choice([None, "", 0, [], {}, True, "../../x", "a/../b", "a\r\nhost: b", "\ud800", "m" * 2000])
    changed = {**body, "model": wrong} if rng.random() < 0.7 else {k: v for k, v in body.items() if k != "model"}
    return post("no model", protocol, dumps(changed), REFUSED)


def counting(rng: random.Random, protocol: str) -> Case:
    path = {
        "anthropic": "/v1/messages/count_tokens",
        "openai_chat": "/v1/responses/input_tokens",
        "openai_responses": "/v1/responses/input_tokens",
        "gemini": "/v1beta/models/gemini-3.5-flash:countTokens",
    }[protocol]
    shape = "openai_responses" if protocol == "openai_chat" else protocol
    return post("counting", shape, dumps(rng.choice(JUNK[1:13])), REFUSED, path=path)


# -- codings, lengths, frames


def coding(rng: random.Random, protocol: str) -> Case:
    good = dumps(RICH[protocol][1])
    packed = {
        "gzip": gzip.compress(good),
        "deflate": zlib.compress(good),
        "br": brotli.compress(good),
        "zstd": zstandard.ZstdCompressor().compress(good),
    }
    name = rng.choice(list(packed))
    other = rng.choice([n for n in packed if n != name])
    data = packed[name]
    declared, body = rng.choice(
        [
            (name, good),
            (name, data[: len(data) // 2]),
            (name, data[:3]),
            (other, data),
            (f"{name}, {name}", data),
            ("snappy", data),
            ("gzip, snappy", data),
            (",".join([name] * 50), data),
            (name, rng.randbytes(100)),
            (name, b""),
        ]
    )
    return post("coding", protocol, body, REFUSED, extra=f"content-encoding: {declared}")


_BOMB = bytes(8 << 20)
BOMBS = {
    "gzip": gzip.compress(_BOMB),
    "br": brotli.compress(_BOMB, quality=4),
    "zstd": zstandard.ZstdCompressor().compress(_BOMB),
}
BOMBS["gzip, gzip"] = gzip.compress(BOMBS["gzip"])


def bomb(rng: random.Random, protocol: str) -> Case:
    name = rng.choice(list(BOMBS))
    return post("bomb", protocol, BOMBS[name], REFUSED, extra=f"content-encoding: {name}")


def oversize(rng: random.Random, protocol: str) -> Case:
    """More than the gateway of this test takes (a megabyte); half of them only announced."""
    if rng.random() < 0.5:
        return Case("oversize", protocol, head(RICH[protocol][0], length=10**12) + b"{", REFUSED)
    return post("oversize", protocol, b" " * (1 << 20) + b"{}", REFUSED)


def chunked(rng: random.Random, protocol: str) -> Case:
    """Chunks that are none: the head can be read, the body cannot."""
    body = rng.choice(
        [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n", b"5\r\n{}\r\n0\r\n\r\n", b"\r\n\r\n", b"1\r\n{}}}\r\n\r\n", b"g\r\n"]
    )
    raw = head(RICH[protocol][0], length=None, extra="transfer-encoding: chunked") + body
    return Case("chunked", protocol, raw, REFUSED)


def trailers(rng: random.Random, protocol: str) -> Case:
    good = dumps(RICH[protocol][1])
    body = b"%x\r\n%s\r\n0\r\nx-trailer: 1\r\n\r\n" % (len(good), good)
    raw = head(RICH[protocol][0], length=None, extra="transfer-encoding: chunked\r\ntrailer: x-trailer") + body
    return Case("trailers", protocol, raw, ANSWERED)


def length(rng: random.Random, protocol: str) -> Case:
    good = dumps(RICH[protocol][1])
    if rng.random() < 0.5:
        longer = head(RICH[protocol][0], length=len(good) + rng.randrange(1, 999)) + good
        return Case("too long a length", protocol, longer, CUT, half=True)
    shorter = head(RICH[protocol][0], length=len(good) - rng.randrange(1, len(good))) + good
    return Case("too short a length", protocol, shorter, REFUSED)


def no_length(rng: random.Random, protocol: str) -> Case:
    return Case("no length", protocol, head(RICH[protocol][0], length=None), REFUSED)


# -- paths, methods, access


def unknown_path(rng: random.Random, protocol: str) -> Case:
    body = dumps(RICH[protocol][1])
    paths = [
        "/nowhere", "/v1/nothing", "/v2/messages", "//", "/%00", "/..%2f..%2fetc/passwd", "/v1/messages%0d%0ax:y/z",
        "/*", "/v1beta/models/a%2f..%2f..%2fb:generateContent",
        "/v1/chat/../../admin", "/" + "a" * 3000, "/v1//messages", "/%ff%fe", "/v1/mess%C3%A4ges", "/.git/config",
        "/v1/models/../../x?y=http://evil.example", "/?%", "/v1beta/nothing:generateContent",
    ]  # fmt: skip
    return post("unknown path", "unknown", body, REFUSED, path=rng.choice(paths))


def wrong_method(rng: random.Random, protocol: str) -> Case:
    method = rng.choice(["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get", "POSTPOST"])
    raw = head(RICH[protocol][0], length=2, method=method) + b"{}"
    return Case("wrong method", protocol, raw, REFUSED)


def no_access(rng: random.Random, protocol: str) -> Case:
    path = RICH[protocol][0]
    lines = rng.choice(
        [
            "Host: 127.0.0.1",
            "Host: 127.0.0.1\r\nx-api-key: pxc_wrong",
            "Host: 127.0.0.1\r\nauthorization: Bearer \x7f\xfe",
            "Host: evil.example\r\nx-api-key: {key}",
            "Host: 127.0.0.1\r\nx-api-key: {key}\r\norigin: https://evil.example",
            "Host: 127.0.0.1\r\nx-api-key: {key}\r\nsec-fetch-site: cross-site",
        ]
    )
    body = rng.choice([b"{}", b"{", dumps(RICH[protocol][1])])
    raw = f"POST {path} HTTP/1.1\r\n{lines}\r\ncontent-length: {len(body)}\r\n\r\n".encode("latin-1") + body
    return Case("no access", protocol, raw, REFUSED)


def strange_header(rng: random.Random, protocol: str) -> Case:
    extra = rng.choice(
        [
            "x-proxycast-output: klingon",
            "x-proxycast-output: ",
            "x-proxycast-output: ANTHROPIC",
            "anthropic-version: \u00e9\u00e8",
            "anthropic-beta: " + "b," * 2000,
            "content-type: text/plain",
            "content-type: multipart/form-data; boundary=",
            "content-type:",
            "expect: 200-maybe",
            "accept: \x01",
            "user-agent: " + "u" * 5000,
            "x-claude-code-session-id: \u2028",
            "cookie: " + "; ".join(f"c{n}={n}" for n in range(200)),
            "upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQAAP__",
            "range: bytes=0-",
            "if-match: *",
        ]
    )
    return post("strange header", protocol, dumps(RICH[protocol][1]), ANSWERED, extra=extra)


# -- no HTTP


def garbage(rng: random.Random, protocol: str) -> Case:
    line = f"POST {RICH[protocol][0]} HTTP/1.1"
    raws = [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(60),
        b"GET\r\n\r\n",
        f"{line}\r\n\r\n".replace("1.1", "9.9").encode(),
        b"GET / \r\n\r\n",
        b"POST http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n\r\n\r\nX\r\n\r\n",
        rng.randbytes(rng.randrange(4, 300)).replace(b"\n", b"x") + b"\r\n\r\n",
        f"{line}\r\nHost\r\n\r\n".encode(),
        f"{line}\r\n: nothing\r\n\r\n".encode(),
        f"{line}\r\nHost: 127.0.0.1\r\ncontent-length: -5\r\n\r\n".encode(),
        f"{line}\r\nHost: 127.0.0.1\r\ncontent-length: five\r\n\r\n".encode(),
        f"{line}\r\nHost: 127.0.0.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{{}}".encode(),
        f"{line}\r\nHost: 127.0.0.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
        f"{line}\r\nHost: 127.0.0.1\r\ntransfer-encoding: klingon\r\n\r\n".encode(),
        f"{line}\r\nHost: 127.0.0.1\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n".encode(),
        f"{line}\r\nHo st: 127.0.0.1\r\n\r\n".encode(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rng.randbytes(100),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\xff\xff\xff\x09\x04\x00\x00\x00\x01",
    ]
    return Case("garbage", protocol, rng.choice(raws), UNREAD, half=True)


def endless_head(rng: random.Random, protocol: str) -> Case:
    """A head that never ends: no memory may be spent on it without limit."""
    line = f"POST {RICH[protocol][0]} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
    more = rng.choice([b"x-a: " + b"a" * (1 << 20), b"".join(b"x-%d: %d\r\n" % (n, n) for n in range(60_000))])
    return Case("endless head", protocol, line + more, UNREAD)


def cut_off(rng: random.Random, protocol: str) -> Case:
    raw = head(RICH[protocol][0], length=len(dumps(RICH[protocol][1]))) + dumps(RICH[protocol][1])
    return Case("cut off", protocol, raw[: rng.randrange(1, len(raw) - 1)], CUT, half=True)


def pipelined(rng: random.Random, protocol: str) -> Case:
    """The first of three in one go is looked at; the others are answered after it."""
    one = not_json(rng, protocol).raw
    return Case("pipelined", protocol, one + one + one, REFUSED)


KINDS: list[tuple[Callable[[random.Random, str], Case], float]] = [
    (not_json, 14),
    (strange_text, 6),
    (deep, 5),
    (wrong_field, 34),
    (no_model, 3),
    (counting, 3),
    (coding, 6),
    (bomb, 0.5),
    (oversize, 0.5),
    (chunked, 3),
    (trailers, 1),
    (length, 3),
    (no_length, 1),
    (unknown_path, 4),
    (wrong_method, 3),
    (no_access, 4),
    (strange_header, 4),
    (garbage, 4),
    (endless_head, 0.2),
    (cut_off, 2),
    (pipelined, 1),
]
