"""The intercepting proxy on real sockets: what is decrypted, recorded, routed, refused, and what is left alone."""

from __future__ import annotations

import json
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from addons.audit.reader import rebuild
from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.e2e.gateway import free_port
from tests.flow import upstream as up
from tests.flow.calls import CALLS, error_message
from tests.flow.process import Process, until
from tests.flow.upstream import Connection, Upstream
from tests.flow.upstream_h2 import certificate

pytestmark = pytest.mark.flow
OWN = "the-clients-own-secret"
BODY = (
    b'{"model": "claude-sonnet-4-6",  "max_tokens": 9, "x-unknown": [1], '
    b'"messages": [{"role":"user","content":"h\\u00e9"}]}'
)
STREAM = BODY[:-1] + b', "stream": true}'


class TlsUpstream(Upstream):
    """The misbehaving upstream, behind TLS."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        super().__init__(up.good)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _serve(self, connection: Connection) -> None:
        try:
            connection.sock = self._context.wrap_socket(connection.sock, server_side=True)
        except OSError:
            return
        super()._serve(connection)


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("certificates"), "upstream")


@pytest.fixture(scope="module")
def server(cert: tuple[Path, Path]) -> Iterator[TlsUpstream]:
    made = TlsUpstream(*cert)
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, cert: tuple[Path, Path]) -> Iterator[Process]:
    """127.0.0.1 is an inference host to it, localhost is not."""
    home = tmp_path_factory.mktemp("intercept")
    with Process(home, config='[intercept]\nhosts = ["127.0.0.1"]\n') as made:
        made.start("--set", f"ssl_verify_upstream_trusted_ca={cert[0]}", "-w", str(home / "capture"))
        yield made.listens(made.port).listens(made.proxy_port)


@pytest.fixture
def client(proxy: Process, server: TlsUpstream) -> Iterator[httpx.Client]:
    """One that goes through the proxy and trusts its CA, with a credential of its own."""
    server.requests.clear()
    trust = ssl.create_default_context(cafile=str(proxy.home / "ca" / "mitmproxy-ca-cert.pem"))
    headers = {"x-api-key": OWN, "anthropic-version": "2023-06-01", "user-agent": "claude-cli/9", "x-Odd-Case": "kept"}
    with httpx.Client(
        base_url=server.url,
        proxy=f"http://127.0.0.1:{proxy.proxy_port}",
        verify=trust,
        headers=headers,
        timeout=20,
        trust_env=False,
    ) as made:
        yield made


def database(proxy: Process) -> Path:
    return proxy.config.parent / "audit.db"


def recorded(proxy: Process) -> list[dict[str, object]]:
    """All rows once the audit has caught up, oldest first."""

    def caught_up() -> bool:
        numbers = httpx.get(f"http://127.0.0.1:{proxy.port}/health", trust_env=False).json()["audit"]
        return bool(numbers["submitted"] == numbers["written"])

    until(caught_up)
    with sqlite3.connect(database(proxy)) as db:
        db.row_factory = sqlite3.Row
        until(lambda: db.execute("SELECT 1 FROM sqlite_master WHERE name = 'exchanges'").fetchone())
        return [dict(row) for row in db.execute("SELECT * FROM exchanges ORDER BY seq")]


# -- observed


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
def test_an_exchange_is_recorded_and_passes_unchanged(
    body: bytes, client: httpx.Client, proxy: Process, server: TlsUpstream
) -> None:
    before = len(recorded(proxy))
    response = client.post("/v1/messages?beta=true", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.content == (b"".join(up.GOOD_STREAM) if body is STREAM else up.message())
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/messages?beta=true", body)
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "*/*",
        "accept-encoding": client.headers["accept-encoding"],
        "connection": "keep-alive",
        "x-api-key": OWN,
        "anthropic-version": "2023-06-01",
        "user-agent": "claude-cli/9",
        "x-odd-case": "kept",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    (row,) = recorded(proxy)[before:]
    assert (row["origin"], row["status"], row["client"]) == ("observed", 200, "claude-code")
    assert (row["client_protocol"], row["requested_model"]) == ("anthropic", "claude-sonnet-4-6")
    assert (row["input_fresh"], row["output"]) == (3, 2)
    assert row["stream"] == (body is STREAM)
    assert rebuild(database(proxy), str(row["id"]), "client_request") == body
    assert rebuild(database(proxy), str(row["id"]), "delivered") == response.content
    assert OWN.encode() not in b"".join(path.read_bytes() for path in proxy.config.parent.glob("audit.db*"))


def test_a_stream_is_not_held_back(client: httpx.Client, server: TlsUpstream) -> None:
    """Each event arrives before the next is sent."""
    pause = 0.3
    server.script(OWN, up.stream(up.START, up.BLOCK, up.delta("a"), up.delta("b"), up.STOP + up.END, pause=pause))
    with client.stream("POST", "/v1/messages", content=STREAM) as response:
        pieces = [piece for piece in response.iter_raw() if piece]
    assert len(pieces) >= 4


ERRORS = {
    "400": (up.answer(400, up.error_body("invalid_request_error", "no good")), 400, "no good"),
    "401": (up.answer(401, up.error_body("authentication_error", "who?")), 401, "who?"),
    "429": (up.answer(429, up.error_body("rate_limit_error", "slow down"), retry_after="3"), 429, "slow down"),
    "500": (up.answer(500, b"<html>oh</html>", "text/html"), 500, ""),
    "in the stream": (
        up.stream(
            up.START, up.BLOCK, up.delta("x"), up.event("error", error={"type": "overloaded_error", "message": "busy"})
        ),
        200,
        "busy",
    ),
}


@pytest.mark.parametrize("how", ERRORS)
def test_an_error_is_recorded_and_passes_unchanged(
    how: str, client: httpx.Client, proxy: Process, server: TlsUpstream
) -> None:
    behaviour, status, message = ERRORS[how]
    server.script(OWN, behaviour)
    before = len(recorded(proxy))
    response = client.post("/v1/messages", content=STREAM)
    assert response.status_code == status
    assert len(server.requests) == 1, "nothing is tried again with somebody else's credential"
    if how == "429":
        assert response.headers["retry-after"] == "3"
    (row,) = recorded(proxy)[before:]
    assert (row["origin"], row["status"]) == ("observed", status)
    assert row["error_kind"]
    assert message in str(row["error"])


def test_a_cut_stream_is_recorded_as_such(client: httpx.Client, proxy: Process, server: TlsUpstream) -> None:
    server.script(OWN, up.stream(up.START, up.BLOCK, up.delta("x"), end="close"))
    before = len(recorded(proxy))
    with pytest.raises(httpx.TransportError):
        client.post("/v1/messages", content=STREAM)
    (row,) = recorded(proxy)[before:]
    assert row["origin"] == "observed"
    assert row["error_kind"] == "server"
    assert "broke the connection" in str(row["error"])
    assert row["input_fresh"] == 3, "what it had told until then counts"


@pytest.mark.parametrize("how", [up.close, up.reset], ids=["close", "reset"])
def test_a_host_that_gives_no_answer_is_an_error_in_the_clients_shape(
    how: up.Behaviour, client: httpx.Client, proxy: Process, server: TlsUpstream
) -> None:
    server.script(OWN, how)
    before = len(recorded(proxy))
    response = client.post("/v1/messages", content=BODY)
    assert response.status_code == 502
    assert "broke the connection" in error_message("anthropic", 502, response.content)
    (row,) = recorded(proxy)[before:]
    assert (row["origin"], row["status"], row["error_kind"]) == ("observed", 502, "server")
    assert row["credential"] == "(the client's own)"


def test_a_host_that_cannot_be_reached_is_an_error_in_the_clients_shape(
    client: httpx.Client, proxy: Process, server: TlsUpstream
) -> None:
    gone = f"https://127.0.0.1:{free_port()}"
    before = len(recorded(proxy))
    response = client.post(f"{gone}/v1/chat/completions", content=BODY)
    assert response.status_code == 502
    assert "cannot connect" in error_message("openai_chat", 502, response.content)
    (row,) = recorded(proxy)[before:]
    assert (row["origin"], row["status"], row["error_kind"]) == ("observed", 502, "server")
    with sqlite3.connect(database(proxy)) as db:
        assert db.execute("SELECT outcome FROM attempts WHERE exchange = ?", (row["seq"],)).fetchall() == [("connect",)]


@pytest.mark.parametrize("path", ["/backend-api/codex/responses", "/compatible-mode/v1/chat/completions"])
def test_an_endpoint_below_a_path_of_its_services_own_is_recorded(
    path: str, client: httpx.Client, proxy: Process, server: TlsUpstream
) -> None:
    before = len(recorded(proxy))
    assert client.post(path, content=b'{"model": "m", "input": "x"}').status_code == 200
    assert server.requests[-1].path == path
    assert [row["path"] for row in recorded(proxy)[before:]] == [path]


def test_counting_is_recorded_and_other_paths_pass_unrecorded(
    client: httpx.Client, proxy: Process, server: TlsUpstream
) -> None:
    before = len(recorded(proxy))
    server.script(OWN, *(up.answer(200, b'{"input_tokens": 7}'),) * 4)
    assert client.post("/v1/messages/count_tokens", content=BODY).json() == {"input_tokens": 7}
    for method, path in (("GET", "/v1/models"), ("POST", "/v1/oauth/token"), ("GET", "/v1/messages")):
        assert client.request(method, path).json() == {"input_tokens": 7}
    assert [r.path for r in server.requests] == [
        "/v1/messages/count_tokens",
        "/v1/models",
        "/v1/oauth/token",
        "/v1/messages",
    ]
    rows = recorded(proxy)[before:]
    assert [row["operation"] for row in rows] == ["count_tokens"]


def test_what_is_no_json_is_not_our_business(client: httpx.Client, server: TlsUpstream) -> None:
    server.script(OWN, *(up.answer(400, b"{}"),) * 3)
    for body in (b"{", b"\xff\x00", b""):
        assert client.post("/v1/messages", content=body).status_code == 400
    assert [request.body for request in server.requests] == [b"{", b"\xff\x00", b""]


# -- left alone


def test_other_hosts_are_not_decrypted(proxy: Process, server: TlsUpstream, cert: tuple[Path, Path]) -> None:
    before = len(recorded(proxy))
    with socket.create_connection(("127.0.0.1", proxy.proxy_port), timeout=10) as raw:
        raw.sendall(f"CONNECT localhost:{server.port} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        assert b" 200 " in raw.recv(4096)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            assert tls.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(cert[0].read_text())
            head = f"POST /v1/messages HTTP/1.1\r\nhost: api.anthropic.com\r\ncontent-length: {len(BODY)}\r\n\r\n"
            tls.sendall(head.encode() + BODY)
            assert tls.recv(4096).startswith(b"HTTP/1.1 200")
    assert len(recorded(proxy)) == before


def upgrade(path: str, proxy: Process, server: TlsUpstream) -> bytes:
    """The start of the answer to a WebSocket handshake with the inference host."""
    trust = ssl.create_default_context(cafile=str(proxy.home / "ca" / "mitmproxy-ca-cert.pem"))
    with socket.create_connection(("127.0.0.1", proxy.proxy_port), timeout=10) as raw:
        raw.sendall(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in raw.recv(4096)
        with trust.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
            key = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-api-key: socket"
            upgraded = f"host: 127.0.0.1:{server.port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n{key}"
            tls.sendall(f"GET {path} HTTP/1.1\r\n{upgraded}\r\n\r\n".encode())
            return tls.recv(4096)


@pytest.mark.parametrize("path", ["/v1/responses", "/backend-api/codex/responses"])
def test_an_inference_websocket_is_told_to_use_http(path: str, proxy: Process, server: TlsUpstream) -> None:
    server.requests.clear()
    assert upgrade(path, proxy, server).startswith(b"HTTP/1.1 426 ")
    assert not server.requests


def test_another_websocket_passes(proxy: Process, server: TlsUpstream) -> None:
    def accept(connection: Connection, _: up.Received) -> None:
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )

    server.script("socket", accept)
    assert upgrade("/v1/voice", proxy, server).startswith(b"HTTP/1.1 101 ")


# -- the fence


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "100.100.100.200", "[fd00:ec2::254]", "0xa9fea9fe"],
)
@pytest.mark.parametrize("way", ["plain", "CONNECT"])
def test_metadata_addresses_are_out_of_reach(way: str, host: str, proxy: Process) -> None:
    assert _through(proxy, way, f"{host}:80").startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1"])
@pytest.mark.parametrize("way", ["plain", "CONNECT"])
def test_our_own_ports_are_not_reached_through_the_proxy(way: str, host: str, proxy: Process) -> None:
    """127.0.0.1 is among the hosts that the user listed, and its ports are reachable for that; ours never."""
    for port in (proxy.port, proxy.proxy_port, 8001):
        assert _through(proxy, way, f"{host}:{port}").startswith(b"HTTP/1.1 403 ")


def test_plain_requests_to_others_pass(proxy: Process) -> None:
    plain = Upstream(up.good)
    answer = httpx.post(
        f"http://localhost:{plain.port}/v1/messages",
        content=BODY,
        headers={"x-api-key": OWN},
        proxy=f"http://127.0.0.1:{proxy.proxy_port}",
        trust_env=False,
    )
    assert (answer.status_code, answer.content) == (200, up.message())
    assert plain.requests[0].headers["x-api-key"] == OWN
    plain.close()


def _through(proxy: Process, way: str, target: str) -> bytes:
    request = f"GET http://{target}/health" if way == "plain" else f"CONNECT {target}"
    with socket.create_connection(("127.0.0.1", proxy.proxy_port), timeout=10) as sock:
        sock.sendall(f"{request} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return sock.recv(4096)


# -- routed by a rule


@pytest.fixture
def routed(proxy: Process) -> Iterator[tuple[Upstream, Upstream]]:
    """Everything for the inference host goes to two backends instead: the first one down, the second of OpenAI's."""
    down, chat = Upstream(up.answer(503, b"{}")), Upstream(_chat)
    home = Home(proxy.config.parent)
    store = StateStore(home.state, home.vault_key)
    store.add_credential(Credential("down", "anthropic", "pooled-1", {"base_url": down.url}))
    store.add_credential(
        Credential("chat", "openai_compatible", "pooled-2", {"base_url": f"{chat.url}/v1", "api": "chat"})
    )
    text = proxy.config.read_text("utf-8")
    assert httpx.get(f"http://127.0.0.1:{proxy.port}/health", trust_env=False).status_code == 200

    def change(document: object) -> None:
        table(document, "profiles")["instead"] = {"use": ["down", "chat"]}  # type: ignore[arg-type]
        table(document, "intercept")["rules"] = [{"host": "127.0.*", "profile": "instead"}]  # type: ignore[arg-type]

    edit(proxy.config, change)
    yield down, chat
    replacement = proxy.config.with_name("next.toml")
    replacement.write_text(text, encoding="utf-8")
    replacement.replace(proxy.config)
    store.remove_credential("down")
    store.remove_credential("chat")
    store.close()
    down.close()
    chat.close()


def _chat(connection: Connection, request: up.Received) -> None:
    delta = {"index": 0, "delta": {"role": "assistant", "content": "instead"}, "finish_reason": "stop"}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
    usage = {**chunk, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}}
    up.stream(*(f"data: {json.dumps(c)}\n\n".encode() for c in (chunk, usage)), b"data: [DONE]\n\n")(
        connection, request
    )


def test_a_rule_answers_through_a_profile(
    routed: tuple[Upstream, Upstream], client: httpx.Client, proxy: Process, server: TlsUpstream
) -> None:
    down, chat = routed
    before = len(recorded(proxy))
    response = client.post("/v1/messages", content=STREAM)
    assert response.status_code == 200
    assert '"text":"instead"' in response.text.replace(" ", "")
    assert "message_stop" in response.text
    assert not server.requests, "the client's own host was asked"
    assert [r.secret for r in down.requests] == ["pooled-1"]
    (asked,) = chat.requests
    assert (asked.secret, asked.path) == ("pooled-2", "/v1/chat/completions")
    for request in (*down.requests, asked):
        assert OWN not in str(request)
    (row,) = recorded(proxy)[before:]
    assert (row["origin"], row["credential"], row["profile"], row["attempts"]) == ("routed", "chat", "instead", 2)


def test_what_a_rule_cannot_answer_is_an_error_in_the_clients_shape(
    routed: tuple[Upstream, Upstream], client: httpx.Client, server: TlsUpstream
) -> None:
    response = client.post("/v1/messages", content=b'{"model": ')
    assert response.status_code == 400
    error_message("anthropic", 400, response.content)
    gone = client.post("/v1/chat/completions", json=CALLS["openai_chat"].body | {"model": 5})
    assert gone.status_code == 400
    error_message("openai_chat", 400, gone.content)
    assert not server.requests


def test_a_routed_host_keeps_its_other_paths(
    routed: tuple[Upstream, Upstream], client: httpx.Client, server: TlsUpstream
) -> None:
    server.script(OWN, up.answer(200, b'{"own": true}'))
    assert client.get("/v1/organizations/me").json() == {"own": True}
    assert [request.secret for request in server.requests] == [OWN]


# -- a recorded capture


def test_a_capture_is_imported_once(client: httpx.Client, proxy: Process, server: TlsUpstream, tmp_path: Path) -> None:
    assert client.post("/v1/messages", content=BODY).status_code == 200
    assert client.get("/v1/models").status_code in (200, 400)
    live = recorded(proxy)
    capture = proxy.home / "capture"
    until(lambda: capture.stat().st_size > 0)
    with Process(tmp_path) as reader:
        for _ in range(2):
            reader.start("-n", "-r", str(capture))
            assert reader.ends() == 0, reader.out + reader.err
            assert "Traceback" not in reader.out + reader.err
        with sqlite3.connect(database(reader)) as db:
            db.row_factory = sqlite3.Row
            rows = [dict(row) for row in db.execute("SELECT * FROM exchanges")]
    assert rows
    assert len({row["id"] for row in rows}) == len(rows), "imported twice"
    assert {row["origin"] for row in rows} == {"imported"}
    imported = next(row for row in rows if row["id"] == live[-1]["id"])
    for column in ("requested_model", "status", "client", "client_protocol", "input_fresh", "output", "started", "day"):
        assert imported[column] == live[-1][column], column
    assert imported["duration"] <= live[-1]["duration"], "it took as long as it did, not until it was imported"
    assert rebuild(database(reader), str(imported["id"]), "client_request") == BODY


def test_a_capture_that_cannot_be_read_ends_with_a_failure(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no capture at all")
    with Process(tmp_path) as reader:
        reader.start("-n", "-r", str(broken))
        assert reader.ends() != 0
        assert "format" in reader.out + reader.err
