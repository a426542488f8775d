"""`proxycast run`, as a real process: what it prints, what answers, and that nothing outlives it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.running import START_SECONDS, Run, await_true, listening
from tests.e2e.gateway import free_port

pytestmark = pytest.mark.flow


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Makes a run in this test's home; whatever is left of it is stopped."""
    runs: list[Run] = []

    def make(*options: str) -> Run:
        runs.append(Run(tmp_path, *options))
        return runs[-1]

    yield make
    for run in runs:
        if run.process is not None and run.ended is None:
            run.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    run = Run(tmp_path_factory.mktemp("run")).up()
    yield run
    if run.ended is None:
        run.stop()


def post(run: Run, path: str, body: dict[str, object]) -> httpx.Response:
    return httpx.post(run.url + path, json=body, headers={"x-api-key": run.key}, timeout=10, trust_env=False)


HELLO = "Hello"
MESSAGES = [{"role": "user", "content": HELLO}]
CONTENTS = [{"role": "user", "parts": [{"text": HELLO}]}]
#: Protocol → path, body, path and body when streamed, what ends a stream.
PROTOCOLS: dict[str, tuple[str, dict[str, object], str, dict[str, object], str]] = {
    "anthropic": (
        "/v1/messages",
        {"model": "claude-demo", "max_tokens": 99, "messages": MESSAGES},
        "/v1/messages",
        {"stream": True},
        '"type":"message_stop"',
    ),
    "openai_chat": (
        "/v1/chat/completions",
        {"model": "any", "messages": MESSAGES},
        "/v1/chat/completions",
        {"stream": True},
        "data: [DONE]",
    ),
    "openai_responses": (
        "/v1/responses",
        {"model": "any", "input": HELLO},
        "/v1/responses",
        {"stream": True},
        '"type":"response.completed"',
    ),
    "gemini": (
        "/v1beta/models/any:generateContent",
        {"contents": CONTENTS},
        "/v1beta/models/any:streamGenerateContent?alt=sse",
        {},
        '"finishReason":"STOP"',
    ),
}


def test_the_first_start_says_where_everything_is(running: Run):
    assert running.url in running.text
    assert f"http://127.0.0.1:{running.proxy_port}" in running.text
    assert f"ANTHROPIC_BASE_URL={running.url} ANTHROPIC_AUTH_TOKEN={running.key} claude" in running.text


def test_the_first_start_makes_a_private_home_with_a_sample(running: Run):
    assert running.home.stat().st_mode & 0o777 == 0o700
    assert "#[gateway]" in (running.home / "config.toml").read_text("utf-8")
    assert {path.stat().st_mode & 0o777 for path in running.home.iterdir()} == {0o600}


def test_the_printed_curl_line_works_as_it_stands(running: Run):
    begin = running.text.index("curl http")
    words = shlex.split(running.text[begin : running.text.index("\n\n", begin)].replace("\\\n", " "))
    options = list(zip(words[2::2], words[3::2], strict=True))
    headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
    body = next(value for name, value in options if name == "-d")
    answer = httpx.post(words[1], headers=headers, content=body, timeout=10, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert "Hello from ProxyCast" in answer.json()["content"][0]["text"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_demo_answers_in_every_protocol(running: Run, protocol: str):
    path, body, *_ = PROTOCOLS[protocol]
    answer = post(running, path, body)
    assert answer.status_code == 200, answer.text
    assert "Hello from ProxyCast" in answer.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_demo_streams_in_every_protocol(running: Run, protocol: str):
    _, body, path, extra, end = PROTOCOLS[protocol]
    answer = post(running, path, {**body, **extra})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert end in answer.text.replace('": "', '":"')


def test_the_demo_calls_a_tool_that_is_offered(running: Run):
    path, body, *_ = PROTOCOLS["anthropic"]
    tool = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    answer = post(running, path, {**body, "tools": [tool]}).json()
    assert answer["stop_reason"] == "tool_use"
    assert answer["content"][-1]["name"] == "get_weather"


@pytest.mark.parametrize(
    "path", ["/", "/audit", "/audit/exchanges.json", "/audit.json?sql=select+1", "/-/databases.json"]
)
def test_nothing_of_the_audit_is_readable_without_the_link(running: Run, path: str):
    answer = httpx.get(f"http://127.0.0.1:{running.datasette_port}{path}", trust_env=False)
    assert answer.status_code in (401, 403)
    assert "exchanges" not in answer.text


def test_the_link_opens_the_audit_with_what_went_through(running: Run):
    post(running, *PROTOCOLS["anthropic"][:2])
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=10) as browser:
        assert browser.get(running.login).status_code == 200
        rows = f"http://127.0.0.1:{running.datasette_port}/audit/exchanges.json?_shape=array"
        assert await_true(
            lambda: any(row["requested_model"] == "claude-demo" for row in browser.get(rows).json()), seconds=10
        )


def test_each_exchange_is_one_line_and_so_is_a_refused_one(running: Run):
    post(running, "/v1/chat/completions", {"model": "a-model-of-its-own", "messages": MESSAGES})
    httpx.post(running.url + "/v1/messages", json={}, trust_env=False)
    assert await_true(lambda: "a client key is needed" in running.text, seconds=5)
    (line,) = (line for line in running.text.splitlines() if "a-model-of-its-own" in line)
    assert re.match(r"\d\d:\d\d:\d\d  .* → demo  a-model-of-its-own  200  \d+\.\d\d s  .* in .* out$", line)
    (refused,) = (line for line in running.text.splitlines() if "a client key is needed" in line)
    assert "→ refused  POST /v1/messages  401" in refused


def test_a_broken_edit_of_the_settings_is_said_and_so_is_the_mended_one(running: Run):
    config = running.home / "config.toml"
    good = config.read_text("utf-8")
    config.write_text("[gateway\n", encoding="utf-8")
    assert await_true(lambda: "not valid TOML" in running.text, seconds=5)
    assert post(running, *PROTOCOLS["anthropic"][:2]).status_code == 200
    config.write_text(good, encoding="utf-8")
    assert await_true(lambda: "config.toml is fine again" in running.text, seconds=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(made: Callable[..., Run], number: int):
    run = made().up()
    assert len(run.ports_open) == 3
    assert run.stop(number) == 0, run.text
    assert run.ports_open == []


def test_nothing_outlives_it_even_when_it_is_killed(made: Callable[..., Run]):
    run = made().up()
    assert run.process is not None
    run.process.kill()
    run.process.wait()
    assert await_true(lambda: not run.ports_open, seconds=10)


def test_the_key_is_made_and_shown_once(made: Callable[..., Run]):
    first = made("--no-datasette").up()
    assert first.key
    assert "datasette  not started" in first.text
    assert not listening(first.datasette_port)
    first.stop()
    second = made("--no-datasette").up()
    assert "pxc_" not in second.text
    assert "YOUR-KEY" in second.text


def test_without_datasette_the_gateway_goes_on_and_says_so(made: Callable[..., Run]):
    run = made()
    with socket.create_server(("127.0.0.1", run.datasette_port)):
        run.up()
        assert f"could not start (cannot listen on 127.0.0.1:{run.datasette_port}" in run.text
        assert post(run, *PROTOCOLS["anthropic"][:2]).status_code == 200


@pytest.mark.parametrize("which", ["port", "proxy_port"])
def test_a_port_in_use_is_one_line_and_a_failure(made: Callable[..., Run], which: str):
    run = made()
    port = getattr(run, which)
    with socket.create_server(("127.0.0.1", port)):
        run.start()
        assert await_true(lambda: run.ended is not None, START_SECONDS)
    assert run.ended == 1
    assert run.text == f"proxycast: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_when_datasette_is_killed_the_gateway_goes_on_and_says_how_it_ended(made: Callable[..., Run]):
    run = made().up()
    found = subprocess.run(
        ["pgrep", "-f", f"serve --db {run.home}/audit.db"], capture_output=True, text=True, check=True
    )
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    assert await_true(lambda: "Datasette ended (status -9); the gateway goes on" in run.text, seconds=10)
    assert httpx.get(run.url + "/health", trust_env=False).status_code == 200


def test_a_bad_configuration_is_one_line_and_a_failure(made: Callable[..., Run]):
    run = made()
    run.home.mkdir(mode=0o700)
    (run.home / "config.toml").write_text("[gateway]\nprot = 1\n", encoding="utf-8")
    run.start()
    assert await_true(lambda: run.ended is not None, START_SECONDS)
    assert run.ended == 1
    assert run.text == f"proxycast: {run.home}/config.toml: gateway.prot: there is no such setting\n"


def test_options_behind_two_dashes_are_mitmproxys(made: Callable[..., Run], tmp_path: Path):
    run = made("--no-datasette", "--", "-w", str(tmp_path / "flows.mitm")).up()
    post(run, *PROTOCOLS["anthropic"][:2])
    run.stop()
    assert (tmp_path / "flows.mitm").stat().st_size > 0


def test_the_folder_it_is_started_in_brings_no_modules(made: Callable[..., Run], tmp_path: Path):
    """Somebody's repository may hold an `addons` of its own, or worse."""
    for name in ("addons/__init__.py", "json.py", "uvicorn.py", "orjson.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('a module of the working directory was imported')", "utf-8")
    run = made().up()
    post(run, *PROTOCOLS["anthropic"][:2])
    health = lambda: httpx.get(f"{run.url}/health", trust_env=False).json()["audit"]["written"] == 1  # noqa: E731
    assert await_true(health, seconds=5), run.text
    assert run.login
    assert "working directory" not in run.text


def test_an_option_that_mitmproxy_does_not_know_is_a_failure(made: Callable[..., Run]):
    run = made("--no-datasette", "--", "--no-such-option").start()
    assert await_true(lambda: run.ended is not None, START_SECONDS)
    assert run.ended not in (0, None)
    assert "no-such-option" in run.text


def test_mitmweb_says_where_its_flows_are(made: Callable[..., Run]):
    port = free_port()
    run = made("--no-datasette", "--web", "--", "--set", f"web_port={port}").up()
    assert await_true(lambda: f"http://127.0.0.1:{port}/?token=" in run.text, seconds=5), run.text
