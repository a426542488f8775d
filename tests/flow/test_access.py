"""Who may use the gateway, and that nothing of how they said so goes on to an upstream."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from addons.audit import reader
from addons.config.edit import edit, table
from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.calls import CALLS, error_message
from tests.flow.conftest import Setup
from tests.flow.process import until
from tests.flow.upstream import Received, Upstream

pytestmark = pytest.mark.flow
SECRET = "access-upstream-secret"
ORIGIN = "app://obsidian.md"


@pytest.fixture(autouse=True)
def routed(setup: Setup, upstream: Upstream) -> None:
    setup.route(setup.credential("anthropic", upstream.url, SECRET))
    upstream.behaviours[SECRET].clear()
    upstream.requests.clear()


@pytest.fixture
def anyone(gateway: Gateway) -> httpx.Client:
    """A client without a key."""
    return httpx.Client(base_url=gateway.url, timeout=20, trust_env=False)


@pytest.fixture
def origins(setup: Setup, anyone: httpx.Client) -> None:
    configure(setup, anyone, "access", "origins", [ORIGIN])


def configure(setup: Setup, client: httpx.Client, section: str, name: str, value: object) -> None:
    """Change one setting of the running gateway, which has seen the file as it was before."""
    assert client.get("/health").status_code == 200

    def change(document: object) -> None:
        table(document, section)[name] = value  # type: ignore[arg-type]

    edit(setup.home.config, change)


def wire(gateway: Gateway, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; → (status, all that came) once the answer is complete."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as sock:
        sock.sendall(request)
        data = b""
        while piece := sock.recv(65536):
            data += piece
    return int(data.split(b" ", 2)[1]), data


def seen(request: Received) -> str:
    """Everything of a request as the upstream saw it."""
    return "\n".join((request.path, *(f"{n}: {v}" for n, v in request.headers.items()), request.body.decode()))


# -- the key

WAYS = {
    "bearer": ({"authorization": "Bearer {key}"}, ""),
    "bearer in another case": ({"Authorization": "bearer  {key}"}, ""),
    "x-api-key": ({"x-api-key": "{key}"}, ""),
    "x-goog-api-key": ({"x-goog-api-key": "{key}"}, ""),
    "x-proxycast-key": ({"x-proxycast-key": "{key}"}, ""),
    "query": ({}, "key={key}"),
    "query among others": ({}, "a=1&key={key}&b=%202"),
    "ours beside a login": ({"x-proxycast-key": "{key}", "authorization": "Bearer client-login-token"}, ""),
    "after a wrong one": ({"x-api-key": "client-login-token", "authorization": "Bearer {key}"}, ""),
    "everywhere": (
        {
            "x-proxycast-key": "{key}",
            "authorization": "Bearer {key}",
            "x-api-key": "{key}",
            "x-goog-api-key": "{key}",
            "api-key": "{key}",
            "proxy-authorization": "Bearer {key}",
            "cookie": "k={key}; login=client-login-token",
        },
        "key={key}",
    ),
}


@pytest.mark.parametrize("protocol", CALLS)
@pytest.mark.parametrize("way", WAYS)
def test_the_key_opens_and_is_not_forwarded(
    way: str, protocol: str, anyone: httpx.Client, key: str, upstream: Upstream
) -> None:
    headers, query = WAYS[way]
    call = CALLS[protocol]
    url = call.path + ("?" + query.format(key=key) if query else "")
    shown = {name: value.format(key=key) for name, value in headers.items()}
    response = anyone.post(url, json=call.body, headers=shown)
    assert response.status_code == 200, response.text
    (request,) = upstream.requests
    assert request.secret == SECRET
    assert key not in seen(request)
    assert "client-login-token" not in seen(request)


def test_other_parts_of_the_query_go_on_as_they_came(anyone: httpx.Client, key: str, upstream: Upstream) -> None:
    call = CALLS["anthropic"]
    assert anyone.post(f"{call.path}?beta=true&key={key}&x=a%2Fb+c", json=call.body).status_code == 200
    assert upstream.requests[0].path == "/v1/messages?beta=true&x=a%2Fb+c"


def test_a_key_that_is_written_with_escapes_in_the_query_is_not_forwarded(
    anyone: httpx.Client, key: str, upstream: Upstream
) -> None:
    call = CALLS["anthropic"]
    escaped = "".join(f"%{ord(c):02x}" for c in key)
    assert anyone.post(f"{call.path}?ke%79={escaped}&%6Bey=other", json=call.body).status_code == 200
    assert upstream.requests[0].path == "/v1/messages"


WRONG: dict[str, dict[str, str | bytes]] = {
    "absent": {},
    "unknown": {"x-api-key": "pxc_unknown"},
    "disabled": {"x-api-key": "pxc_disabled_flow"},
    "empty": {"x-api-key": "", "authorization": "Bearer"},
    "not a bearer": {"authorization": "Basic {basic}"},
    "its hash": {"x-api-key": "{hash}"},
    "not ASCII": {"x-api-key": "schlüssel".encode()},
}


@pytest.mark.parametrize("protocol", CALLS)
@pytest.mark.parametrize("wrong", WRONG)
def test_without_a_valid_key_the_answer_is_401_in_the_clients_shape(
    wrong: str, protocol: str, anyone: httpx.Client, key: str, setup: Setup, upstream: Upstream
) -> None:
    if wrong == "disabled" and not any(k.name == "disabled" for k in setup.state.keys):
        setup.state.add_key("disabled", "pxc_disabled_flow")
        setup.state.enable_key("disabled", False)
    stored = next(k.hash for k in setup.state.keys if k.name == "flow")
    basic = base64.b64encode(f"user:{key}".encode()).decode()
    shown: dict[str, Any] = {
        name: value.format(basic=basic, hash=stored) if isinstance(value, str) else value
        for name, value in WRONG[wrong].items()
    }
    call = CALLS[protocol]
    for path, body in ((call.path, call.body), call.streaming()):
        response = anyone.post(path, json=body, headers=shown)
        assert response.status_code == 401
        message = error_message(protocol, 401, response.content)
        assert "client key" in message
        assert key not in response.text
    assert not upstream.requests


def test_a_key_that_is_disabled_or_removed_stops_at_once(
    anyone: httpx.Client, setup: Setup, upstream: Upstream
) -> None:
    call = CALLS["anthropic"]

    def status() -> int:
        return anyone.post(call.path, json=call.body, headers={"x-api-key": "pxc_short_lived"}).status_code

    assert status() == 401
    setup.state.add_key("short-lived", "pxc_short_lived")
    assert status() == 200
    setup.state.enable_key("short-lived", False)
    assert status() == 401
    setup.state.enable_key("short-lived", True)
    assert status() == 200
    setup.state.remove_key("short-lived")
    assert status() == 401


def test_a_key_can_be_pinned_to_a_profile(anyone: httpx.Client, setup: Setup, upstream: Upstream) -> None:
    name = setup.credential("anthropic", upstream.url, "pinned-secret")
    configure(setup, anyone, "profiles", "pinned", {"use": [name], "model": "claude-haiku-4-5"})
    setup.state.add_key("pinned", "pxc_pinned", "pinned")
    setup.state.add_key("lost", "pxc_lost", "no-such-profile")
    call = CALLS["anthropic"]
    assert anyone.post(call.path, json=call.body, headers={"x-api-key": "pxc_pinned"}).status_code == 200
    assert [r.secret for r in upstream.requests] == ["pinned-secret"]
    assert json.loads(upstream.requests[0].body)["model"] == "claude-haiku-4-5"
    lost = anyone.post(call.path, json=call.body, headers={"x-api-key": "pxc_lost"})
    assert lost.status_code == 403
    assert "no-such-profile" in error_message("anthropic", 403, lost.content)


# -- our own endpoints


def test_a_refused_request_is_recorded_with_its_client(anyone: httpx.Client, gateway: Gateway) -> None:
    agent = {"user-agent": "claude-cli/2.1.329 (external, cli)"}
    refused = anyone.post("/v1/messages", json={}, headers=agent)
    assert "proxycast keys create" in error_message("anthropic", 401, refused.content)
    audit = gateway.home / "proxycast" / "audit.db"
    until(lambda: reader.recent(audit, user_agent=agent["user-agent"]))
    (row,) = reader.recent(audit, user_agent=agent["user-agent"])
    assert (row["client"], row["status"], row["operation"]) == ("claude-code", 401, "rejected")


@pytest.mark.parametrize(
    ("length", "why"), [("500", "Client disconnected"), ("-1", "invalid content-length")], ids=["half", "nonsense"]
)
def test_a_request_that_does_not_arrive_whole_is_recorded_as_such(
    length: str, why: str, gateway: Gateway, key: str
) -> None:
    agent = f"half-a-request/{length}"
    head = f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\nuser-agent: {agent}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as sock:
        sock.sendall(f'{head}content-length: {length}\r\n\r\n{{"model": "m"'.encode())
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    audit = gateway.home / "proxycast" / "audit.db"
    until(lambda: reader.recent(audit, user_agent=agent))
    (row,) = reader.recent(audit, user_agent=agent)
    assert (row["operation"], row["error_kind"]) == ("rejected", "invalid_request")
    assert why in row["error"]


def test_a_client_that_leaves_before_anybody_was_asked_is_recorded_as_such(
    setup: Setup, upstream: Upstream, anyone: httpx.Client, gateway: Gateway, key: str
) -> None:
    silent, agent = "a-backend-that-is-silent", "impatient/1"
    setup.route(setup.credential("openai_compatible", f"{upstream.url}/v1", silent))
    upstream.script(silent, up.silence)
    with pytest.raises(httpx.ReadTimeout):
        anyone.get("/v1/models", headers={"x-api-key": key, "user-agent": agent}, timeout=0.5)
    audit = gateway.home / "proxycast" / "audit.db"
    anyone.close()
    until(lambda: reader.recent(audit, user_agent=agent))
    (row,) = reader.recent(audit, user_agent=agent)
    assert row["error_kind"] == "hang_up"


def test_health_is_open_and_tells_no_secret_and_metrics_need_a_key(anyone: httpx.Client, key: str) -> None:
    health = anyone.get("/health")
    assert health.status_code == 200
    assert SECRET not in health.text
    assert anyone.get("/metrics").status_code == 401
    metrics = anyone.get("/metrics", headers={"authorization": f"Bearer {key}"})
    assert metrics.status_code == 200
    assert "proxycast_exchanges_total" in metrics.text


def test_a_path_that_is_no_endpoint_is_no_missing_model(client: httpx.Client) -> None:
    answer = client.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_url"


@pytest.mark.parametrize("path", ["/", "/v1/messages", "/api/hello", "/v1", "/nowhere"])
def test_head_probes_are_answered_without_a_key(path: str, anyone: httpx.Client, upstream: Upstream) -> None:
    response = anyone.head(path)
    assert response.status_code == 200
    assert response.content == b""
    assert not upstream.requests


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models", "/v1/files", "/v1/batches", "/v1/responses/resp_1"])
def test_lists_and_objects_need_a_key(path: str, anyone: httpx.Client, upstream: Upstream) -> None:
    assert anyone.get(path).status_code == 401
    assert anyone.delete(path).status_code == 401
    assert not upstream.requests


# -- Host and Origin


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8999", "[", "", "@"]
)
@pytest.mark.parametrize("path", ["/v1/messages", "/health", "/metrics", "/"])
def test_a_host_that_is_not_ours_is_refused(
    host: str, path: str, gateway: Gateway, key: str, upstream: Upstream
) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n"
    status, data = wire(gateway, request.encode())
    assert status in (400, 403), data
    if host.isascii() and "." in host:
        assert status == 403
        assert b"[access] hosts" in data
    assert not upstream.requests


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:{port}", "127.0.0.1"])
def test_our_own_names_are_not(host: str, gateway: Gateway) -> None:
    host = host.format(port=gateway.port)
    assert wire(gateway, f"GET /health HTTP/1.1\r\nHost: {host}\r\nconnection: close\r\n\r\n".encode())[0] == 200


def test_a_host_can_be_allowed(gateway: Gateway, setup: Setup, anyone: httpx.Client) -> None:
    configure(setup, anyone, "access", "hosts", ["gateway.lan"])
    assert wire(gateway, b"GET /health HTTP/1.1\r\nHost: gateway.lan:1\r\nconnection: close\r\n\r\n")[0] == 200


@pytest.mark.parametrize("protocol", CALLS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=lambda h: " ".join(h.values()),
)
def test_web_pages_are_refused(
    headers: dict[str, str], protocol: str, anyone: httpx.Client, key: str, upstream: Upstream
) -> None:
    call = CALLS[protocol]
    response = anyone.post(call.path, json=call.body, headers={"x-api-key": key, **headers})
    assert response.status_code == 403
    error_message(protocol, 403, response.content)
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert not upstream.requests


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_request_of_no_foreign_site_passes(site: str, anyone: httpx.Client, key: str) -> None:
    call = CALLS["anthropic"]
    headers = {"x-api-key": key, "sec-fetch-site": site}
    assert anyone.post(call.path, json=call.body, headers=headers).status_code == 200


@pytest.mark.usefixtures("origins")
@pytest.mark.parametrize("protocol", CALLS)
def test_an_allowed_origin_gets_its_answers_streams_and_errors(
    protocol: str, anyone: httpx.Client, key: str, upstream: Upstream
) -> None:
    call = CALLS[protocol]
    page = {"origin": ORIGIN, "sec-fetch-site": "cross-site", "x-api-key": key}
    upstream.script(SECRET, up.good, up.good, up.answer(400, up.error_body("invalid_request_error", "no")))
    answers = [anyone.post(call.path, json=call.body, headers=page)]
    path, body = call.streaming()
    answers.append(anyone.post(path, json=body, headers=page))
    assert "event-stream" in answers[-1].headers["content-type"]
    answers.append(anyone.post(call.path, json=call.body, headers=page))
    answers.append(anyone.post(call.path, json=call.body, headers={**page, "x-api-key": "pxc_wrong"}))
    assert [a.status_code for a in answers] == [200, 200, 400, 401]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
    for request in upstream.requests:
        assert ORIGIN not in seen(request)
        assert "sec-fetch" not in seen(request)


@pytest.mark.usefixtures("origins")
def test_options_needs_no_key_and_is_answered_to_allowed_origins_alone(
    anyone: httpx.Client, upstream: Upstream
) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key,anthropic-beta"}
    allowed = anyone.options("/v1/messages", headers={"origin": ORIGIN, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in allowed.headers["access-control-allow-methods"]
    named = {name.strip().lower() for name in allowed.headers["access-control-allow-headers"].split(",")}
    assert "authorization" in named
    assert {"x-api-key", "anthropic-beta"} <= named or "*" in named
    assert anyone.options("/v1/messages").status_code == 204
    refused = anyone.options("/v1/messages", headers={"origin": "https://evil.example", **asked})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert not upstream.requests


# -- what travels


def test_headers_between_neighbours_and_about_the_way_are_not_forwarded(
    anyone: httpx.Client, key: str, upstream: Upstream
) -> None:
    private = {
        "connection": "keep-alive, x-only-here",
        "x-only-here": "1",
        "keep-alive": "timeout=5",
        "te": "trailers",
        "trailer": "x-t",
        "proxy-authorization": "Basic abc",
        "proxy-connection": "keep-alive",
        "expect": "",
        "upgrade": "h2c",
        "x-forwarded-for": "10.0.0.1",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-port": "1",
        "x-real-ip": "10.0.0.1",
        "forwarded": "for=10.0.0.1",
        "via": "1.1 x",
        "referer": "http://page",
        "x-proxycast-key": key,
        "x-proxycast-anything": "1",
        "sec-fetch-mode": "cors",
    }
    call = CALLS["anthropic"]
    kept = {"anthropic-beta": "a,b", "x-stainless-lang": "python", "user-agent": "claude-cli/9", "x-app": "cli"}
    response = anyone.post(call.path, json=call.body, headers={**private, **kept})
    assert response.status_code == 200, response.text
    (request,) = upstream.requests
    assert {name: request.headers.get(name) for name in kept} == kept
    left = {name for name in private if name in request.headers} - {"connection"}
    assert not left
    assert request.headers["host"] == urlsplit(upstream.url).netloc


@pytest.mark.parametrize(
    "start",
    [
        "POST http://evil.example/v1/messages HTTP/1.1\r\nHost: evil.example",
        "POST http://evil.example/v1/messages HTTP/1.1\r\nHost: 127.0.0.1",
        "POST http://127.0.0.1:1/v1/messages HTTP/1.1\r\nHost: 127.0.0.1",
        "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Host: evil.example",
        "POST //evil.example/v1/messages HTTP/1.1\r\nHost: 127.0.0.1",
        "POST /v1/messages/../../http://evil.example/v1/messages HTTP/1.1\r\nHost: 127.0.0.1",
        "POST /@evil.example/v1/messages HTTP/1.1\r\nHost: 127.0.0.1",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443",
    ],
)
def test_a_client_cannot_steer_a_credential_elsewhere(
    start: str, gateway: Gateway, key: str, upstream: Upstream
) -> None:
    """It reaches the configured upstream or nothing; with a decoy listening, nobody calls there."""
    decoy = Upstream(up.good)
    body = json.dumps(CALLS["anthropic"].body)
    start = start.replace("127.0.0.1:1/", f"127.0.0.1:{decoy.port}/")
    request = f"{start}\r\nx-api-key: {key}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    status, data = wire(gateway, request.encode())
    assert status in (200, 400, 403, 404), data
    assert decoy.connections == 0
    for received in upstream.requests:
        assert received.headers["host"] == urlsplit(upstream.url).netloc
        assert received.path == "/v1/messages"
        assert "evil" not in seen(received)
    decoy.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_cookie_of_the_upstream_does_not_reach_the_client(
    stream: bool, client: httpx.Client, upstream: Upstream
) -> None:
    cookie = "session=upstream; Path=/"

    def streamed(connection: up.Connection, _: Received) -> None:
        body = b"".join(up.GOOD_STREAM)
        head = f"content-type: text/event-stream\r\nset-cookie: {cookie}\r\ncontent-length: {len(body)}\r\n"
        connection.send(b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n" + body)

    upstream.script(SECRET, streamed if stream else up.answer(200, up.message(), set_cookie=cookie))
    response = client.post("/v1/messages", json={**CALLS["anthropic"].body, "stream": stream})
    assert response.status_code == 200
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, client: httpx.Client, upstream: Upstream) -> None:
    decoy = Upstream(up.good)
    upstream.script(SECRET, up.answer(status, b"", location=f"{decoy.url}/v1/messages"))
    response = client.post("/v1/messages", json=CALLS["anthropic"].body, follow_redirects=False)
    assert response.status_code == 502
    error_message("anthropic", 502, response.content)
    assert "location" not in response.headers
    assert decoy.connections == 0
    decoy.close()


def test_refusals_are_recorded(anyone: httpx.Client, gateway: Gateway) -> None:
    def written() -> int:
        return int(anyone.get("/health").json()["audit"]["written"])

    until(lambda: anyone.get("/health").json()["audit"]["queue"] == 0)
    before = written()
    for _ in range(3):
        assert anyone.post("/v1/messages", json={}).status_code == 401
    until(lambda: written() == before + 3)
