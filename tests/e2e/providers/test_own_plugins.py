"""A provider in a folder of the user's own, with no change to the core, serves a real client."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import httpx
import pytest

from tests.e2e.clients import job
from tests.e2e.clients.drivers import DRIVERS, ClaudeCode
from tests.e2e.clients.install import ensure
from tests.e2e.gateway import ROOT, Gateway
from tests.flow.process import until
from tests.plugins import making
from tests.standin.server import DEFAULT_KEY, StandIn

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize("mark", [None, "present"], ids=["manifest alone", "with code"])
def test_a_provider_in_a_folder_serves_claude_code(tmp_path: Path, mark: str | None) -> None:
    driver = ClaudeCode(ensure(ClaudeCode.package), tmp_path / "client")
    gateway = Gateway(tmp_path / "gateway")
    gateway.configure("")
    plugins = gateway.home / "proxycast" / "plugins"
    with StandIn(job.scenario(driver), interleave=True, shred=7) as backend:
        folder = making.write(plugins, url=f"{backend.url}/v1", files=making.with_code(mark) if mark else {})
        (folder / "plugin.json").unlink()
        making.write(plugins, "broken", manifest="protocols = 3\n")
        gateway.command("credentials", "add", "acme", "--name", "mine", secret=DEFAULT_KEY)
        gateway.route("mine", model="acme-1")
        key = gateway.key()
        with gateway:
            driver.prepare(gateway.url, key)
            run = driver.run(job.PROMPT)
        job.check(run, driver, backend, "openai_chat")
        assert {request.headers.get("x-acme") for request in backend.requests} == {mark}
    assert "the plugin broken cannot be used" in gateway.log


@pytest.mark.parametrize("client", ["claude", "codex"])
def test_the_example_in_python_serves_a_coding_agent(tmp_path: Path, client: str) -> None:
    driver = DRIVERS[client](ensure(DRIVERS[client].package), tmp_path / "client")
    gateway = Gateway(tmp_path / "gateway")
    gateway.configure("")
    key_of_tally = {"key_id": DEFAULT_KEY, "key": "-".join(("a", "key", "of", "tally"))}
    with StandIn(job.scenario(driver), interleave=True, shred=7) as backend:
        key = gateway.key()
        with gateway:
            gateway.command("plugins", "install", str(ROOT / "docs" / "examples" / "tally-python"), "--yes")
            settings = ("--set", f"base_url={backend.url}/v1", "--set", "region=north")
            gateway.command("credentials", "add", "tally", "--name", "mine", *settings, secret=json.dumps(key_of_tally))
            gateway.route("mine", model="tally-large")
            models = httpx.Client(base_url=gateway.url, headers={"x-api-key": key}, trust_env=False)
            until(lambda: "tally-large" in models.get("/v1/models").text)
            driver.prepare(gateway.url, key)
            run = driver.run(job.PROMPT)
        job.check(run, driver, backend, "openai_chat")
    for request in backend.main_requests:
        signed = hmac.new(key_of_tally["key"].encode(), b"POST\n" + request.raw, hashlib.sha256).hexdigest()
        assert request.headers["x-tally-signature"] == signed
        assert key_of_tally["key"] not in str(request.headers)
