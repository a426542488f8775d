"""What mitmweb and a file of `-w` have of the gateway's flows: everything that was said, and no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.e2e.gateway import free_port
from tests.flow.calls import CALLS
from tests.flow.process import Process, until
from tests.flow.upstream import Upstream, good

pytestmark = pytest.mark.flow
KEY, SECRET = "pxc_shown_to_nobody", "the-backends-own-secret"
PASSWORD = "for-mitmweb"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream(good)
    yield server
    server.close()


@pytest.fixture
def process(tmp_path: Path, upstream: Upstream) -> Iterator[Process]:
    with Process(tmp_path) as made:
        state = StateStore(made.config.parent / "state.db", made.config.parent / "vault.key")
        state.add_key("test", KEY)
        state.add_credential(Credential("backend", "anthropic", SECRET, {"base_url": upstream.url}))
        state.close()
        yield made


def ask(process: Process, protocol: str, *, stream: bool) -> str:
    call = CALLS[protocol]
    path, body = call.streaming() if stream else (call.path, call.body)
    headers = {"x-api-key": KEY, "cookie": f"a={KEY}", "x-of-the-client": KEY}
    url = f"http://127.0.0.1:{process.port}{path}"
    answer = httpx.post(url, json=body, headers=headers, timeout=20, trust_env=False)
    assert answer.status_code == 200
    return answer.text


def test_mitmweb_shows_answers_as_the_client_got_them_and_no_secret(process: Process, upstream: Upstream) -> None:
    port = free_port()
    options = ("--no-web-open-browser", "--web-port", str(port), "--set", f"web_password={PASSWORD}")
    process.start(*options, program="mitmweb").listens(process.port).listens(port)
    told = [ask(process, protocol, stream=stream) for protocol in ("anthropic", "openai_chat") for stream in (0, 1)]
    web = httpx.Client(base_url=f"http://127.0.0.1:{port}", params={"token": PASSWORD}, timeout=20, trust_env=False)

    def ended() -> list[dict[str, Any]]:
        flows = [flow for flow in web.get("/flows").json() if flow.get("response", {}).get("timestamp_end")]
        return flows if len(flows) == len(told) else []

    with web:
        flows = until(ended)
        kept = [web.get(f"/flows/{flow['id']}/response/content.data").text for flow in flows]
        seen = [web.get(f"/flows/{flow['id']}/response/content/auto.json").json() for flow in flows]
    assert kept == told
    assert [view["view_name"] for view in seen] == ["JSON", "LLM answer"] * 2
    assert all("── text ─" in view["text"] and "\ngood\n" in view["text"] for view in seen[1::2])
    assert KEY not in json.dumps([flows, kept, seen])
    assert SECRET not in json.dumps([flows, kept, seen])
    assert {request.secret for request in upstream.requests} == {SECRET}


def test_a_file_of_recorded_flows_holds_answers_and_no_secret(process: Process, tmp_path: Path) -> None:
    file = tmp_path / "flows"
    process.start("-w", str(file)).listens(process.port)
    told = ask(process, "anthropic", stream=True)
    # nothing is known of who asks here, and still its key is not kept
    refused = httpx.get(f"http://127.0.0.1:{process.port}/v1/models", headers={"x-api-key": SECRET}, trust_env=False)
    assert refused.status_code == 401
    process.popen.terminate()
    assert process.ends() == 0
    content = file.read_bytes()
    assert told.encode() in content
    assert KEY.encode() not in content
    assert SECRET.encode() not in content
