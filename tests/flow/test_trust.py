"""A credential's own CA file and time limits count for its upstream, and for no other."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flow import upstream as up
from tests.flow.conftest import Setup
from tests.flow.upstream import Upstream, message
from tests.flow.upstream_h2 import certificate

pytestmark = pytest.mark.flow
BODY = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


class Private:
    """An upstream whose certificate nobody knows. `folder` holds it, and that of somebody else."""

    def __init__(self, folder: Path) -> None:
        self.ca, key = certificate(folder, "own")
        self.other, _ = certificate(folder, "other")
        self.secrets: list[str] = []
        secrets = self.secrets

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                secrets.append(self.headers["x-api-key"])
                body = message()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Private]:
    server = Private(tmp_path)
    yield server
    server.close()


def ask(client: httpx.Client, **extra: object) -> httpx.Response:
    return client.post("/v1/messages", json={**BODY, **extra})


def test_an_upstream_with_a_ca_of_its_own_is_reached_with_its_file(setup: Setup, client, private: Private):
    setup.route(setup.credential("anthropic", private.url(), "behind-its-ca", ca_file=str(private.ca)))
    assert ask(client).status_code == 200
    assert private.secrets == ["behind-its-ca"]


def test_without_it_nothing_is_sent_there(setup: Setup, client, private: Private):
    setup.route(setup.credential("anthropic", private.url(), "kept-secret"))
    answer = ask(client)
    assert answer.status_code == 502
    assert "certificate" in answer.json()["error"]["message"].lower()
    assert private.secrets == []


def test_another_ca_does_not_do(setup: Setup, client, private: Private):
    setup.route(setup.credential("anthropic", private.url(), "kept-secret", ca_file=str(private.other)))
    assert ask(client).status_code == 502
    assert private.secrets == []


def test_the_name_is_verified_as_well(setup: Setup, client, private: Private):
    """The certificate is for 127.0.0.1 alone."""
    setup.route(setup.credential("anthropic", private.url("localhost"), "kept-secret", ca_file=str(private.ca)))
    assert ask(client).status_code == 502
    assert private.secrets == []


@pytest.mark.parametrize("content", [None, "this is no certificate"])
def test_a_file_that_cannot_be_used_is_named(setup: Setup, client, private: Private, content: str | None):
    file = private.ca.with_name("broken.pem")
    if content is not None:
        file.write_text(content)
    setup.route(setup.credential("anthropic", private.url(), "kept-secret", ca_file=str(file)))
    answer = ask(client)
    assert answer.status_code == 502
    assert f"ca_file {file} cannot be read" in answer.json()["error"]["message"]
    assert private.secrets == []


def test_a_ca_file_that_is_taken_away_counts_no_more(setup: Setup, client, private: Private):
    """For connections that are made from then on; those of another client, here."""
    name = setup.credential("anthropic", private.url(), "behind-its-ca", ca_file=str(private.ca))
    setup.route(name)
    assert ask(client).status_code == 200
    credential = setup.state.credentials[name]
    credential.settings.pop("ca_file")
    setup.state.update_credential(credential)
    with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=20, trust_env=False) as another:
        assert ask(another).status_code == 502


def test_a_credential_has_time_limits_of_its_own(setup: Setup, client, upstream: Upstream):
    """The gateway's own limit is 2 s."""
    slow = setup.credential("anthropic", upstream.url, "slow-secret", timeouts={"whole": 0.3, "first_event": 0.3})
    good = setup.credential("anthropic", upstream.url, "good-secret")
    setup.route(slow, good)
    upstream.script("slow-secret", up.silence, up.silence)
    for stream in (False, True):
        answer = ask(client, stream=stream)
        assert answer.status_code == 200
        assert answer.elapsed.total_seconds() < 1.8
    setup.route(slow)
    upstream.script("slow-secret", up.silence)
    assert "within 0.3 s" in json.dumps(ask(client).json())
