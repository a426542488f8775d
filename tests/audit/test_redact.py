"""What the redactor takes out, what it leaves, and that it never takes long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.audit.redact import Redactor
from tests.audit.records import stream

# Fake secrets are put together here, so that no scanner takes this file for a leak.
TAIL = "Zq7Rt2Xw9Lk4Mn8Bv3Cy6Dp1"
SECRETS = {
    "anthropic-key": "sk-" + "ant-" + "api03-" + TAIL,
    "openai-key": "sk-" + "proj-" + TAIL,
    "openrouter-key": "sk-" + "or-v1-" + TAIL,
    "google-key": "AI" + "za" + "Sy" + TAIL + TAIL[:9],
    "google-token": "ya" + "29." + TAIL,
    "google-secret": "GOC" + "SPX-" + TAIL,
    "github-token": "gh" + "p_" + TAIL,
    "gitlab-token": "gl" + "pat-" + TAIL,
    "slack-token": "xo" + "xb-" + TAIL,
    "aws-key-id": "AK" + "IA" + "ABCDEFGH23456789",
    "huggingface-token": "h" + "f_" + TAIL + TAIL,
    "groq-key": "gs" + "k_" + TAIL + TAIL,
    "xai-key": "xa" + "i-" + TAIL + TAIL,
    "stripe-key": "sk" + "_live_" + TAIL,
    "proxycast-key": "px" + "c_" + TAIL,
    "jwt": "ey" + "J" + TAIL + ".ey" + "J" + TAIL + "." + TAIL,
}
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEowIBAAK\nabc/+=\n-----END RSA PRIVATE " + "KEY-----"


def plain(secret: str) -> str:
    return f"the key is {secret} there"


def in_json(secret: str) -> str:
    return json.dumps({"content": f"first line\n{secret}"})


def in_nested_json(secret: str) -> str:
    return json.dumps({"arguments": json.dumps({"command": f"run\n{secret}"})})


def escaped(secret: str) -> str:
    """Each dash and dot as a JSON escape: what a careful client may send."""
    return '{"a":"' + secret.replace("-", "\\u002d").replace("_", "\\u005F").replace(".", "\\u002e") + '"}'


def percent_encoded(secret: str) -> str:
    return "/path?other=" + secret.replace("-", "%2D").replace("_", "%5f").replace(".", "%2E")


@pytest.mark.parametrize("place", [plain, in_json, in_nested_json, escaped, percent_encoded])
@pytest.mark.parametrize(("kind", "secret"), SECRETS.items(), ids=SECRETS)
def test_what_looks_like_a_secret_is_replaced_by_a_mark_of_its_kind(
    kind: str, secret: str, place: Callable[[str], str]
) -> None:
    text = place(secret)
    clean = Redactor().body(text.encode()).decode()
    assert f"[redacted:{kind}]" in clean
    assert TAIL[:12] not in clean
    assert "ABCDEFGH23456789" not in clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:pass1234@host/p", "https://user:[redacted:url-password]@host/p"),
        ("/v1/models?key=abcdef123&alt=sse", "/v1/models?key=[redacted:query-secret]&alt=sse"),
        ("/cb?state=1&access_token=abc.def&x=1", "/cb?state=1&access_token=[redacted:query-secret]&x=1"),
        ("authorization: Bearer abcdef0123456789abcd", "authorization: Bearer [redacted:bearer-token]"),
        ('{"password": "correct1horse"}', '{"password": "[redacted:named-secret]"}'),
        (r'"{\"client_secret\":\"abc12345678\"}"', r'"{\"client_secret\":\"[redacted:named-secret]\"}"'),
        ("AWS_SECRET_ACCESS_KEY=abcDEF123/+abcDEF123", "AWS_SECRET_ACCESS_KEY=[redacted:assigned-secret]"),
        (PEM + " after", "[redacted:private-key] after"),
        (json.dumps({"k": PEM}), '{"k": "[redacted:private-key]"}'),
    ],
)
def test_secrets_known_by_their_place_leave_the_place_readable(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn is a package, sk-something-without-any-digits-in-it too",
        "the bearer token of this request is missing",
        '{"max_tokens": 32000, "key": "value", "token_count": 12345678}',
        "https://example.com/a?q=1#x=y",
        "MAX_TOKENS=32000 KEY=short",
        "-----BEGIN CERTIFICATE-----",
        "data:image/png;base64,iVBORw0KGgo" + "AKIA" * 3 + "abc" * 50,
        '{"password": "{password}"}',
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize("secret", ["hunter2/with-slash", 'quo"ted\\secret', "ümläut-geheim", "line1\nline2-secret"])
@pytest.mark.parametrize(
    "spell",
    [
        lambda s: s,
        lambda s: json.dumps(s),
        lambda s: json.dumps(s, ensure_ascii=False).replace("/", "\\/"),
        lambda s: json.dumps(json.dumps(s)),
        lambda s: '"' + "".join(f"\\u{ord(c):04x}" for c in s) + '"',
        lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    ],
    ids=["plain", "json", "slash", "nested", "escaped", "percent"],
)
def test_a_known_secret_is_found_in_every_spelling(secret: str, spell: Callable[[str], str]) -> None:
    redactor = Redactor([secret], patterns=False)
    clean = redactor.body(f"<{spell(secret)}>".encode()).decode()
    assert clean.strip('<>"\\') == "[redacted:known-secret]"


def test_short_values_are_no_known_secrets_for_they_would_hit_ordinary_text() -> None:
    assert Redactor(["the", ""]).text("the end") == "the end"


def test_a_redacted_text_is_not_redacted_again() -> None:
    redactor = Redactor(["known-secret-value"])
    once = redactor.text(f"?key=abcdef known-secret-value {SECRETS['jwt']}")
    assert redactor.text(once) == once


def test_full_mode_keeps_what_only_looks_like_a_secret_but_no_known_one_and_no_client_key() -> None:
    redactor = Redactor(["our-credential-1"], patterns=False)
    body = f"{SECRETS['openai-key']} our-credential-1 {SECRETS['proxycast-key']}"
    clean = redactor.body(body.encode()).decode()
    assert clean == f"{SECRETS['openai-key']} [redacted:known-secret] [redacted:proxycast-key]"
    assert redactor.text(SECRETS["openai-key"]) == "[redacted:openai-key]", "only bodies are kept unmarked"


def test_headers_pass_an_allow_list_and_everything_else_is_marked() -> None:
    headers = [
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer " + TAIL),
        ("Cookie", "session=1"),
        ("X-Unheard-Of", "x"),
        ("anthropic-ratelimit-tokens-remaining", "12"),
        ("X-Claude-Code-Session-Token", "x"),
        ("user-agent", SECRETS["github-token"]),
    ]
    clean = dict(Redactor().headers(headers))
    assert clean["content-type"] == "application/json"
    assert clean["anthropic-ratelimit-tokens-remaining"] == "12"
    assert clean["user-agent"] == "[redacted:github-token]"
    for name in ("authorization", "cookie", "x-unheard-of", "x-claude-code-session-token"):
        assert clean[name].startswith("[redacted:header sha256:")


def test_the_mark_of_a_header_tells_whether_two_requests_used_the_same_value() -> None:
    values = ["one-value", "one-value", "another"]
    marks = [Redactor().headers([("authorization", value)])[0][1] for value in values]
    assert marks[0] == marks[1] != marks[2]


@pytest.mark.parametrize("cut", [1, 5, 9, 17])
def test_a_secret_in_pieces_of_a_stream_is_found(cut: int) -> None:
    secret = SECRETS["anthropic-key"]
    pieces = [secret[at : at + cut] for at in range(0, len(secret), cut)]
    clean = Redactor().stream(stream("key: ", *pieces, " end"))
    texts = [json.loads(line[6:])["delta"]["text"] for line in clean.decode().splitlines() if '"text_delta"' in line]
    assert "".join(texts) == "key: [redacted:anthropic-key] end"


def test_a_stream_without_secrets_keeps_every_byte() -> None:
    data = stream("as", "k", "-", "ant", "\\n", 'quote " and é')
    assert Redactor(["not in there at all"]).stream(data) == data


@given(st.binary(max_size=300))
def test_any_bytes_pass_and_those_without_a_secret_are_unchanged(data: bytes) -> None:
    redactor = Redactor(["a-known-secret"])
    clean = redactor.stream(data)
    assert clean == data or b"[redacted:" in clean


HOSTILE = {
    "backslashes": b"\\" * 300_000,
    "key starts": b"sk-" * 100_000,
    "jwt starts": b"eyJaaaaaaaaa." * 25_000,
    "unfinished keys": ("-----BEGIN PRIVATE " + "KEY-----a -").encode() * 8_000,
    "urls": b"a://b:" * 50_000,
    "assignments": b"A_KEY=" * 50_000,
    "names": b'"api_key":"' * 30_000,
    "quotes": b'"text":"' * 40_000,
    "escapes": b"\\u002d" * 50_000,
    "percent": b"%2" * 150_000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_take_no_longer_than_their_length_allows(data: bytes) -> None:
    redactor = Redactor(["a-known-secret"])
    started = time.process_time()
    redactor.stream(data)
    # Some 30 ms here; a quadratic expression would take minutes.
    assert time.process_time() - started < 5
