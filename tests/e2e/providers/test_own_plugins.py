"""A provider in a folder of the user's own, with no change to the core, serves a real client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.clients import job
from tests.e2e.clients.drivers import ClaudeCode
from tests.e2e.clients.install import ensure
from tests.e2e.gateway import Gateway
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
