"""Where the script listens under each way to start it, how it refuses to start, reloads and ends."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.e2e.gateway import free_port
from tests.flow import upstream as up
from tests.flow.process import Process, other_addresses, until
from tests.flow.upstream import Upstream

pytestmark = pytest.mark.flow
PLACEHOLDER = "reverse:http://127.0.0.1:9"
KEY = "pxc_listening"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with Process(tmp_path) as made:
        yield made


def state(process: Process) -> StateStore:
    return StateStore(process.config.parent / "state.db", process.config.parent / "vault.key")


def add_key(process: Process) -> None:
    store = state(process)
    store.add_key("test", KEY)
    store.close()


def health(process: Process, host: str = "127.0.0.1", port: int = 0) -> dict[str, object]:
    response = httpx.get(f"http://{host}:{port or process.port}/health", timeout=10, trust_env=False)
    assert response.status_code == 200, response.text
    body: dict[str, object] = response.json()
    return body


def one_line(process: Process) -> str:
    """What it said before it ended: a single line, and no traceback anywhere."""
    assert process.ends() != 0
    assert "Traceback" not in process.out + process.err
    lines = process.err.splitlines()
    assert len(lines) == 1, process.err
    assert lines[0].startswith("proxycast: ")
    return lines[0]


def never_wide(process: Process) -> None:
    """mitmproxy says where it listens: not even for a moment on all addresses."""
    lines = [line for line in process.out.splitlines() if "listening at" in line]
    assert lines
    assert not [line for line in lines if " at *:" in line]


# -- where


@pytest.mark.parametrize("program", ["mitmdump", "mitmweb"])
def test_started_plainly_it_listens_on_loopback_alone(process: Process, program: str) -> None:
    web = free_port()
    options = ("--no-web-open-browser", "--web-port", str(web)) if program == "mitmweb" else ()
    process.start(*options, program=program).listens(process.port).listens(process.proxy_port)
    expected = {("127.0.0.1", process.port), ("127.0.0.1", process.proxy_port)}
    assert process.addresses() == expected | ({("127.0.0.1", web)} if options else set())
    add_key(process)
    body = {"model": "demo", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(
        f"http://127.0.0.1:{process.port}/v1/messages", json=body, headers={"x-api-key": KEY}, trust_env=False
    )
    assert answer.status_code == 200
    never_wide(process)
    for address in other_addresses():
        for port in (process.port, process.proxy_port):
            with socket.socket() as probe:
                assert probe.connect_ex((address, port)) != 0, "reachable from other machines"


def test_a_mode_without_host_is_bound_to_loopback(process: Process) -> None:
    port = free_port()
    process.start("--mode", f"{PLACEHOLDER}@{port}").listens(port)
    health(process, port=port)
    assert process.addresses() == {("127.0.0.1", port)}
    never_wide(process)


def test_a_mode_with_a_host_keeps_it_and_others_beside_it_are_bound_to_loopback(process: Process) -> None:
    port, proxy = free_port(), free_port()
    process.start("--mode", f"{PLACEHOLDER}@127.0.0.1:{port}", "--mode", f"regular@{proxy}")
    process.listens(port).listens(proxy)
    health(process, port=port)
    assert process.addresses() == {("127.0.0.1", port), ("127.0.0.1", proxy)}
    never_wide(process)


@pytest.mark.parametrize("options", [(), ("--mode", "regular")], ids=["alone", "with the mode"])
def test_a_port_alone_is_that_of_the_intercepting_proxy(process: Process, options: tuple[str, ...]) -> None:
    port = free_port()
    process.start("--listen-port", str(port), *options).listens(port)
    assert process.addresses() == {("127.0.0.1", port)}
    never_wide(process)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_loopback_host_can_be_chosen(process: Process, host: str) -> None:
    """Even while mitmproxy's own default port is taken: nobody asked for that one."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if taken.connect_ex(("127.0.0.1", 8080)) != 0:
            taken.close()
            with socket.create_server(("127.0.0.1", 8080)):
                process.start("--listen-host", host).listens(process.port, "::1" if ":" in host else "127.0.0.1")
        else:
            process.start("--listen-host", host).listens(process.port, "::1" if ":" in host else "127.0.0.1")
    numeric = "::1" if ":" in host else "127.0.0.1"
    process.listens(process.proxy_port, numeric)
    health(process, f"[{host}]" if ":" in host else host)
    assert {address for address in process.addresses() if address[0] == numeric} == {
        (numeric, process.port),
        (numeric, process.proxy_port),
    }


EXPOSED = {
    "listen-host": ("", ("--listen-host", "0.0.0.0")),
    "mode": ("", ("--mode", f"{PLACEHOLDER}@0.0.0.0:{{port}}")),
    "mode with a loopback one": (
        "",
        ("--mode", PLACEHOLDER + "@127.0.0.1:{port}", "--mode", "regular@0.0.0.0:{proxy}"),
    ),
    "config.toml": ('[gateway]\nhost = "0.0.0.0"\nport = {port}\n[proxy]\nport = {proxy}', ()),
}


def expose(process: Process, how: str) -> Process:
    config, options = EXPOSED[how]
    ports = {"port": process.port, "proxy": process.proxy_port}
    if config:
        process.config.write_text(config.format_map(ports), encoding="utf-8")
    return process.start(*(option.format_map(ports) for option in options))


@pytest.mark.parametrize("how", EXPOSED)
def test_without_a_client_key_no_other_machine_is_let_in(process: Process, how: str) -> None:
    line = one_line(expose(process, how))
    assert "refusing to listen on 0.0.0.0:" in line
    assert "proxycast keys create" in line


@pytest.mark.parametrize("how", [how for how in EXPOSED if how != "mode with a loopback one"])
def test_with_a_client_key_the_gateway_is_open_to_others_and_the_proxy_is_not(process: Process, how: str) -> None:
    add_key(process)
    expose(process, how).listens(process.port)
    health(process)
    proxied = ("0.0.0.0", process.proxy_port) in process.addresses()
    assert proxied == (how != "mode")
    for address in other_addresses():
        health(process, address)
        bare = httpx.post(f"http://{address}:{process.port}/v1/messages", json={"model": "x"}, trust_env=False)
        assert bare.status_code == 401
        if proxied:
            with pytest.raises(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{process.port}/health", proxy=f"http://{address}:{process.proxy_port}")


# -- refusals to start


@pytest.mark.parametrize("which", ["gateway", "proxy"])
@pytest.mark.parametrize("mode", ["plain", "mode", "mode with host"])
def test_a_port_in_use_is_said_in_one_line(process: Process, which: str, mode: str) -> None:
    port = process.port if which == "gateway" else process.proxy_port
    spec = PLACEHOLDER if which == "gateway" else "regular"
    options = {
        "plain": (),
        "mode": ("--mode", f"{spec}@{port}"),
        "mode with host": ("--mode", f"{spec}@127.0.0.1:{port}"),
    }
    with socket.create_server(("127.0.0.1", port)):
        line = one_line(process.start(*options[mode]))
    assert line == f"proxycast: cannot listen on 127.0.0.1:{port}: Address already in use"


BROKEN = {
    "no TOML": ("[gateway", "not valid TOML"),
    "wrong type": ('[gateway]\nport = "many"', "gateway.port"),
    "out of range": ("[gateway]\nport = 70000", "gateway.port"),
    "unknown setting": ("[gateway]\nprot = 1", "gateway.prot"),
    "missing profile": ('active_profile = "none"', "active_profile"),
    "no text": ("\udcff", "config.toml"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_configuration_is_said_in_one_line(process: Process, how: str) -> None:
    text, said = BROKEN[how]
    process.config.write_bytes(text.encode("utf-8", "surrogateescape"))
    line = one_line(process.start())
    assert said in line
    assert str(process.config) in line


def test_a_home_that_cannot_be_used_is_said_in_one_line(process: Process) -> None:
    (process.config.parent / "state.db").write_bytes(b"this is no database" * 100)
    assert "cannot use" in one_line(process.start())


def test_an_unknown_option_of_ours_is_said_in_one_line(process: Process) -> None:
    assert "proxycast_x" in one_line(process.start("--set", "proxycast_x=1"))


# -- reload


def test_an_edit_is_in_force_at_once_and_a_broken_one_changes_nothing(process: Process) -> None:
    process.start().listens(process.port)
    good = process.config.read_text("utf-8")
    assert health(process)["profile"] == "default"
    process.config.write_text('active_profile = "other"\n' + good + "[profiles.other]\n", encoding="utf-8")
    until(lambda: health(process)["profile"] == "other", patience=5)
    assert health(process)["config_error"] is None
    process.config.write_text("active_profile = [", encoding="utf-8")
    until(lambda: "not valid TOML" in str(health(process)["config_error"]), patience=5)
    assert health(process)["profile"] == "other"
    process.config.write_text(good, encoding="utf-8")
    until(lambda: health(process)["profile"] == "default", patience=5)
    assert health(process)["config_error"] is None


# -- the end


class Streaming:
    """A request whose answer comes slowly, read in a thread."""

    def __init__(self, process: Process) -> None:
        self.text = ""
        self.failure: Exception | None = None
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        until(lambda: "content_block_delta" in self.text or self.failure)

    def _read(self) -> None:
        body = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 9,
            "stream": True,
            "messages": [{"role": "user", "content": "hi"}],
        }
        url = f"http://127.0.0.1:{self._process.port}/v1/messages"
        try:
            with httpx.stream("POST", url, json=body, headers={"x-api-key": KEY}, timeout=30, trust_env=False) as got:
                for piece in got.iter_text():
                    self.text += piece
        except httpx.TransportError as error:
            self.failure = error

    def wait(self) -> None:
        self._thread.join(30)


@pytest.fixture
def streaming(process: Process) -> Iterator[Streaming]:
    """A stream of about two seconds under way."""
    server = Upstream(up.good)
    store = state(process)
    store.add_key("test", KEY)
    store.add_credential(Credential("slow", "anthropic", "slow-secret", {"base_url": server.url}))
    store.close()
    chunks = (up.START, up.BLOCK, *(up.delta(f"{n}.") for n in range(10)), up.STOP + up.END)
    server.script("slow-secret", up.stream(*chunks, pause=0.2))
    process.start().listens(process.port)
    yield Streaming(process)
    server.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_streams_finish(process: Process, streaming: Streaming, number: int) -> None:
    process.signal(number)
    until(lambda: ("127.0.0.1", process.port) not in process.addresses(), patience=1.5)
    streaming.wait()
    assert streaming.failure is None
    data = [json.loads(line[6:]) for line in streaming.text.splitlines() if line.startswith("data: ")]
    assert data[-1]["type"] == "message_stop"
    assert "".join(d["delta"]["text"] for d in data if d["type"] == "content_block_delta") == "0.1.2.3.4.5.6.7.8.9."
    assert process.ends() == 0
    assert "Traceback" not in process.out + process.err


def test_a_second_signal_stops_at_once(process: Process, streaming: Streaming) -> None:
    process.signal()
    until(lambda: ("127.0.0.1", process.port) not in process.addresses(), patience=1.5)
    second = time.monotonic()
    process.signal()
    streaming.wait()
    assert "message_stop" not in streaming.text
    process.ends()
    assert time.monotonic() - second < 10
    assert "Traceback" not in process.out + process.err
