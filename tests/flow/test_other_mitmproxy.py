"""Where mitmproxy's insides are not what our shortcuts rely on, exchanges go its own way, as rightly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from addons.config.home import Home
from addons.vault import keys
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from tests.flow.calls import CALLS
from tests.flow.process import Process
from tests.flow.upstream import Upstream, answer, message

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("other")
    use = '[profiles.default]\nuse = ["first", "second"]\n'
    with Process(folder, config=use) as process:
        home = Home(folder / "proxycast")
        state = StateStore(home.state, home.vault_key)
        for name in ("first", "second"):
            state.add_credential(Credential(name, "anthropic", f"of-{name}", {"base_url": upstream.url}))
        key = keys.generate()
        state.add_key("test", key)
        state.close()
        process.start(script=Path(__file__).with_name("other_mitmproxy.py")).listens(process.port)
        headers = {"x-api-key": key, "x-goog-api-key": key, "authorization": f"Bearer {key}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{process.port}", headers=headers, timeout=20) as client:
            yield client


@pytest.mark.parametrize("protocol", CALLS)
@pytest.mark.parametrize("streamed", [False, True])
def test_exchanges_are_answered(other: httpx.Client, protocol: str, streamed: bool) -> None:
    call = CALLS[protocol]
    path, body = call.streaming() if streamed else (call.path, call.body)
    answered = other.post(path, json=body)
    assert answered.status_code == 200, answered.text
    assert 'od"' in answered.text  # the end of what the upstream says


def test_the_next_candidate_answers_where_one_fails(other: httpx.Client, upstream: Upstream) -> None:
    upstream.script("of-first", answer(500, message()))
    body = {**CALLS["anthropic"].body, "messages": [{"role": "user", "content": "another conversation"}]}
    before = len(upstream.of("of-second"))
    assert other.post("/v1/messages", json=body).status_code == 200
    assert len(upstream.of("of-second")) == before + 1
