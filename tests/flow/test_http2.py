"""Failover over HTTP/2 and TLS: clients that speak HTTP/2 to the gateway, upstreams that speak it, bad certificates."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway import Gateway
from tests.flow import upstream_h2 as h2up
from tests.flow.conftest import CONFIG, Setup
from tests.flow.test_failover import ask, text_of
from tests.flow.upstream import Upstream, good
from tests.flow.upstream_h2 import H2Upstream

pytestmark = pytest.mark.flow
NUMBERS = itertools.count(1)
MISBEHAVIOURS = {
    "error first": h2up.error_first,
    "429": h2up.status_429,
    "refused stream": h2up.reset_stream,
    "reset before content": h2up.reset_in_stream,
    "goaway": h2up.goaway,
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("certificates")
    return {name: h2up.certificate(folder, name) for name in ("trusted", "unknown")}


@pytest.fixture(scope="module")
def h2_upstream(certificates: dict[str, tuple[Path, Path]]) -> Iterator[H2Upstream]:
    server = H2Upstream(*certificates["trusted"])
    yield server
    server.close()


@pytest.fixture(scope="module")
def tls_gateway(
    tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, tuple[Path, Path]]
) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("flow-h2")
    (home / "proxycast").mkdir(mode=0o700)
    (home / "proxycast" / "config.toml").write_text(CONFIG, encoding="utf-8")
    gateway = Gateway(home)
    gateway.start("--set", f"ssl_verify_upstream_trusted_ca={certificates['trusted'][0]}")
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def tls_setup(tls_gateway: Gateway) -> Setup:
    return Setup(tls_gateway)


@pytest.fixture(scope="module")
def tls_key(tls_gateway: Gateway) -> str:
    return tls_gateway.key("h2")


@pytest.fixture
def client(tls_gateway: Gateway, tls_key: str) -> Iterator[httpx.Client]:
    """Over HTTP/2: mitmproxy offers it upstream only when the client speaks it too."""
    url = tls_gateway.url.replace("http:", "https:")
    headers = {"x-api-key": tls_key}
    with httpx.Client(base_url=url, http2=True, verify=False, headers=headers, timeout=20, trust_env=False) as made:
        yield made


@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "reused"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS)
def test_the_second_credential_of_one_host_answers(
    misbehaviour: str, stream: bool, warm: bool, client: httpx.Client, tls_setup: Setup, h2_upstream: H2Upstream
) -> None:
    if not stream and misbehaviour in ("error first", "reset before content"):
        return
    number = next(NUMBERS)
    first, second = f"h2-first-{number}", f"h2-second-{number}"
    tls_setup.route(*(tls_setup.credential("anthropic", h2_upstream.url, secret) for secret in (first, second)))
    if warm:
        assert text_of(ask(client, stream=stream)) == "good"
    h2_upstream.behaviours[first].extend([MISBEHAVIOURS[misbehaviour]] * 2)
    response = ask(client, stream=stream)
    assert response.status_code == 200, response.text
    assert text_of(response) == "good"
    assert second in h2_upstream.secrets
    assert ask(client, stream=False).status_code == 200


def test_from_http2_to_http1_and_back(client: httpx.Client, tls_setup: Setup, h2_upstream: H2Upstream) -> None:
    number = next(NUMBERS)
    plain = Upstream(good)
    names = [
        tls_setup.credential("anthropic", h2_upstream.url, f"mix-a-{number}"),
        tls_setup.credential("anthropic", plain.url, f"mix-b-{number}"),
        tls_setup.credential("anthropic", h2_upstream.url, f"mix-c-{number}"),
    ]
    tls_setup.route(*names)
    h2_upstream.behaviours[f"mix-a-{number}"].append(h2up.error_first)
    from tests.flow.upstream import reset

    plain.script(f"mix-b-{number}", reset, reset)
    assert text_of(ask(client, stream=True)) == "good"
    assert f"mix-c-{number}" in h2_upstream.secrets
    plain.close()


def test_an_untrusted_certificate_is_a_failure_and_gets_no_secret(
    client: httpx.Client,
    tls_setup: Setup,
    h2_upstream: H2Upstream,
    certificates: dict[str, tuple[Path, Path]],
) -> None:
    number = next(NUMBERS)
    stranger = H2Upstream(*certificates["unknown"])
    names = [
        tls_setup.credential("anthropic", stranger.url, f"tls-a-{number}"),
        tls_setup.credential("anthropic", h2_upstream.url, f"tls-b-{number}"),
    ]
    tls_setup.route(*names)
    assert text_of(ask(client, stream=True)) == "good"
    assert not stranger.secrets
    stranger.close()


def test_a_hang_up_resets_the_stream(client: httpx.Client, tls_setup: Setup, h2_upstream: H2Upstream) -> None:
    number = next(NUMBERS)
    tls_setup.route(tls_setup.credential("anthropic", h2_upstream.url, f"hang-{number}"))
    h2_upstream.behaviours[f"hang-{number}"].append(h2up.stall)
    before = len(h2_upstream.resets)
    body = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 5,
        "stream": True,
        "messages": [{"role": "user", "content": "x"}],
    }
    with client.stream("POST", "/v1/messages", json=body) as response:
        next(response.iter_bytes())
    client.close()
    deadline = time.monotonic() + 1.5
    while len(h2_upstream.resets) == before:
        assert time.monotonic() < deadline, "the upstream was not told"
        time.sleep(0.01)
