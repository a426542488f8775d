"""A credential's own HTTP proxy: its service is reached through it, with the password that the proxy wants."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway import Gateway
from tests.flow import upstream as up
from tests.flow.conftest import Setup
from tests.flow.test_trust import Private, ask, private  # noqa: F401 - a fixture
from tests.flow.upstream import Upstream

pytestmark = pytest.mark.flow
NUMBERS = itertools.count(1)
PASSWORD = "hush/hush@" + "proxy-password"


class TunnelProxy:
    """Digs tunnels for whoever says `wanted` ("" = for all); `asked` are (target, authorization)."""

    def __init__(self, wanted: str) -> None:
        self.asked: list[tuple[str, str]] = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                target = self.rfile.readline().split()[1].decode()
                headers = dict[str, str]()
                while line := self.rfile.readline().strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                proxy.asked.append((target, headers.get("proxy-authorization", "")))
                if wanted and proxy.asked[-1][1] != wanted:
                    self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                    return
                host, _, port = target.rpartition(":")
                with socket.create_connection((host, int(port))) as far:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    threading.Thread(target=pump, args=(far, self.connection), daemon=True).start()
                    pump(self.connection, far)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


@pytest.fixture
def proxy() -> Iterator[TunnelProxy]:
    made = TunnelProxy("Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode())
    yield made
    made.close()


def url(proxy: TunnelProxy, password: str) -> str:
    return f"http://me:{password.replace('/', '%2F').replace('@', '%40')}@{proxy.address}"


def test_a_proxy_gets_its_password_and_the_service_does_not(
    setup: Setup,
    client: httpx.Client,
    proxy: TunnelProxy,
    private: Private,  # noqa: F811
) -> None:
    settings = {"ca_file": str(private.ca), "proxy_url": url(proxy, PASSWORD)}
    setup.route(setup.credential("anthropic", private.url(), "behind-a-proxy", **settings))
    assert ask(client).status_code == 200
    assert private.secrets == ["behind-a-proxy"]
    assert [target for target, _ in proxy.asked] == [f"127.0.0.1:{private.port}"]


def test_a_service_on_plain_http_is_reached_by_a_tunnel_too(
    setup: Setup, client: httpx.Client, proxy: TunnelProxy, upstream: Upstream
) -> None:
    secret = f"plain-behind-{next(NUMBERS)}"
    setup.route(setup.credential("anthropic", upstream.url, secret, proxy_url=url(proxy, PASSWORD)))
    assert ask(client).status_code == 200
    (request,) = upstream.of(secret)
    assert "proxy-authorization" not in request.headers
    assert len(proxy.asked) == 1


def test_a_proxy_that_refuses_is_said_without_its_password(
    gateway: Gateway, setup: Setup, client: httpx.Client, proxy: TunnelProxy, upstream: Upstream
) -> None:
    wrong = "hush-a-wrong-password"
    name = setup.credential("anthropic", upstream.url, f"refused-{next(NUMBERS)}", proxy_url=url(proxy, wrong))
    setup.route(name)
    answer = ask(client)
    assert answer.status_code >= 500 and "407" in answer.text
    shown = [answer.text, gateway.log, gateway.command("credentials", "show", name, "--json")]
    encoded = base64.b64encode(f"me:{wrong}".encode()).decode()
    assert not [text for text in shown if wrong in text or encoded in text]
    kept = b"".join(path.read_bytes() for path in Path(gateway.home / "proxycast").glob("audit.db*"))
    assert wrong.encode() not in kept


def test_what_an_upstream_repeats_of_a_secret_does_not_reach_the_client(
    setup: Setup, client: httpx.Client, upstream: Upstream
) -> None:
    secret = f"sk-repeated-secret-{next(NUMBERS)}"
    said = up.answer(401, up.error_body("authentication_error", f"invalid x-api-key: {secret}, sorry"), two=False)
    setup.route(setup.credential("anthropic", upstream.url, secret))
    upstream.script(secret, said, said, said)
    passed = ask(client)
    assert passed.status_code == 401
    assert passed.json()["error"]["message"] == "invalid x-api-key: [redacted], sorry"
    body = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "hi"}]}
    answers = [
        client.post("/v1/chat/completions", json=body),
        client.post("/v1/responses", json={"model": "claude-sonnet-4-6", "input": "hi"}),
    ]
    for translated in answers:
        assert "sorry" in translated.text and secret not in translated.text


def test_nor_does_what_it_repeats_within_a_stream(setup: Setup, client: httpx.Client, upstream: Upstream) -> None:
    secret = f"sk-streamed-secret-{next(NUMBERS)}"
    setup.route(setup.credential("anthropic", upstream.url, secret))
    error = json.dumps({"type": "error", "error": {"type": "api_error", "message": f"no more with {secret}"}})
    failing = up.stream(up.START, up.BLOCK, up.delta("x"), f"event: error\ndata: {error}\n\n".encode())
    upstream.script(secret, failing, failing)
    body = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    for answer in (ask(client, stream=True), client.post("/v1/chat/completions", json=body)):
        assert "no more with [redacted]" in answer.text and secret not in answer.text
