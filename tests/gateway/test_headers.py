"""Which headers travel, and which must not."""

from addons.gateway import headers


def test_a_clients_credentials_never_travel() -> None:
    sent = [
        ("Authorization", "Bearer k"),
        ("x-api-key", "k"),
        ("X-Goog-Api-Key", "k"),
        ("api-key", "k"),
        ("Cookie", "c"),
        ("x-proxycast-key", "k"),
        ("x-proxycast-output", "gemini"),
        ("anthropic-beta", "one,two"),
        ("X-Unknown", "kept"),
    ]
    assert headers.to_upstream(sent) == [("anthropic-beta", "one,two"), ("X-Unknown", "kept")]


def test_the_clients_way_to_us_is_private() -> None:
    private = ["Host", "Connection", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Origin", "Sec-Fetch-Site"]
    assert headers.to_upstream((name, "x") for name in private) == []


def test_an_answer_travels_without_cookies_and_framing() -> None:
    got = [("content-type", "x"), ("Set-Cookie", "s"), ("transfer-encoding", "chunked"), ("x-ratelimit", "1")]
    assert headers.to_client(got) == [("content-type", "x"), ("x-ratelimit", "1")]


def test_a_request_id_is_added_only_where_there_is_none() -> None:
    assert headers.with_request_id([("Request-Id", "theirs")], "anthropic", "ours") == [("Request-Id", "theirs")]
    assert headers.with_request_id([], "anthropic", "ours") == [("request-id", "ours")]
    assert headers.with_request_id([], "openai_chat", "ours") == [("x-request-id", "ours")]


def test_streams_are_not_to_be_buffered() -> None:
    assert dict(headers.for_stream([])) == {"cache-control": "no-cache", "x-accel-buffering": "no"}
    assert headers.for_stream([("Cache-Control", "no-store")]).count(("cache-control", "no-cache")) <= 1
