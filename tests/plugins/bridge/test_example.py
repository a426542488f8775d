"""The example in JavaScript (docs/examples/parcel-node): its own tests, real coding agents, and what may go wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.clients import job
from tests.e2e.clients.drivers import DRIVERS
from tests.e2e.clients.install import ensure
from tests.e2e.gateway import ROOT, Gateway
from tests.plugins.bridge.parcel import Parcel
from tests.standin import HELLO, StandIn

pytestmark = pytest.mark.e2e
EXAMPLE = ROOT / "docs" / "examples" / "parcel-node"
KEY = "-".join(("a", "key", "of", "parcel"))
HI = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class Stage:
    gateway: Gateway
    key: str
    backend: StandIn
    parcel: Parcel

    def ask(self) -> httpx.Response:
        headers = {"x-api-key": self.key, "anthropic-version": "2023-06-01"}
        with httpx.Client(base_url=self.gateway.url, trust_env=False, timeout=60) as client:
            return client.post("/v1/messages", json=HI, headers=headers)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with StandIn(HELLO, shred=7) as backend, Parcel(backend, KEY) as parcel:
        gateway = Gateway(tmp_path / "gateway")
        gateway.configure("")
        folder = gateway.home / "proxycast" / "plugins" / "parcel-node"
        shutil.copytree(EXAMPLE, folder)
        (folder / "config.json").write_text(json.dumps({"permissions": ["http:request"]}))
        gateway.command("credentials", "add", "parcel", "--name", "mine", "--set", f"base_url={parcel.url}", secret=KEY)
        gateway.route("mine", model="parcel-1")
        key = gateway.key()
        with gateway:
            yield Stage(gateway, key, backend, parcel)
        assert "Traceback" not in gateway.log


def test_its_own_tests_pass() -> None:
    done = subprocess.run(["node", "--test"], cwd=EXAMPLE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_it_serves_a_real_coding_agent(stage: Stage, tmp_path: Path, agent: str) -> None:
    driver = DRIVERS[agent](ensure(DRIVERS[agent].package), tmp_path / "client")
    stage.backend.scenario = job.scenario(driver)
    driver.prepare(stage.gateway.url, stage.key)
    run = driver.run(job.PROMPT)
    job.check(run, driver, stage.backend, "openai_chat")
    assert len(stage.parcel.sessions) == 1
    assert {sent["user-agent"] for sent in stage.parcel.deliveries} == {"proxycast/0.1"}


def test_a_session_that_is_over_is_renewed_once(stage: Stage) -> None:
    assert stage.ask().status_code == 200
    stage.parcel.sessions[0] = "revoked"
    assert stage.ask().status_code == 200
    assert len(stage.parcel.sessions) == 2


def test_a_rate_limit_reaches_the_client_with_its_wait(stage: Stage) -> None:
    stage.parcel.refuse.append((429, {"refused": "tired", "wait": 7, "text": "not so fast"}))
    response = stage.ask()
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.json()["error"]["message"] == "not so fast"


def test_a_closed_account_is_out_of_service(stage: Stage) -> None:
    stage.parcel.refuse.append((403, {"refused": "closed", "text": "this account was closed"}))
    assert stage.ask().status_code == 403
    told = stage.gateway.command("credentials", "list", "--json")
    (row,) = [row for row in json.loads(told) if row["name"] == "mine"]
    assert "out_of_service" in json.dumps(row) and "this account was closed" in json.dumps(row)
