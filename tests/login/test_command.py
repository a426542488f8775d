"""The command in a process of its own: what Ctrl-C leaves behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from addons.config.home import Home
from addons.vault.store import StateStore
from tests.login.server import AuthServer, Rules

pytestmark = pytest.mark.slow  # starts processes

FLOWS = {
    # a listener of its own, on any port
    "browser": (
        ("gemini_oauth", "--no-browser", "--set", "client_secret=of-a-test"),
        r"redirect_uri=http%3A%2F%2F127\.0\.0\.1%3A(\d+)",
    ),
    "device code": (
        ("qwen", "--set", "device_url={url}/device", "--set", "token_url={url}/token"),
        r"enter the code  (WDJB-MJHT)",
    ),
}


@pytest.mark.parametrize(("arguments", "shown"), FLOWS.values(), ids=FLOWS)
def test_ctrl_c_ends_a_login_and_leaves_nothing(
    tmp_path: Path, server: AuthServer, arguments: tuple[str, ...], shown: str
):
    server.rules = Rules(
        client_id="f0304373b74a44d2b584a3fb70ca9e56",  # qwen.md §2
        scope="openid profile email model.completion",
    )
    server.polls.extend([(400, {"error": "authorization_pending"})] * 100)
    given = [argument.format(url=server.base) for argument in arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PROXYCAST_HOME": str(tmp_path / "p")}
    command = [str(Path(sys.executable).parent / "proxycast"), "credentials", "login", *given, "--accept-terms"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        found, said = None, ""
        while found is None:
            line = process.stderr.readline()
            assert line, said
            said += line
            found = re.search(shown, said)
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
        assert process.wait(30) == 1, said
        assert process.stdout.read() == ""
    assert "Traceback" not in said
    home = Home(tmp_path / "p")
    assert StateStore(home.state, home.vault_key).credentials == {}
    if found[1].isdigit():
        with closing(socket.socket()) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", int(found[1])))
