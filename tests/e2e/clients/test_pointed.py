"""Real coding agents that `proxycast client connect` has pointed at the gateway do their job, and are put back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clients import job
from tests.e2e.clients.drivers import Driver
from tests.e2e.gateway import Gateway
from tests.standin.server import DEFAULT_KEY, StandIn

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NOWHERE = "http://127.0.0.1:9"
OLD_KEY = "a-key-for-elsewhere"
#: What is said beside the client's name; the model where the client has no choice of its own, or has it from us.
MODELS = {"qwen-code": ["qwen3-coder-plus"], "opencode": ["gateway-model"]}


def files(home: Path) -> dict[str, str]:
    """The settings in the clients' folders, as far as we may change them."""
    names = (".claude/settings.json", ".codex/config.toml", ".gemini/.env", ".gemini/settings.json", ".qwen/.env")
    paths = [home / name for name in (*names, ".qwen/settings.json", ".config/opencode/opencode.json")]
    return {path.name: path.read_text("utf-8") for path in paths if path.exists()}


def text(file: Path) -> str:
    return file.read_text("latin-1")


@pytest.mark.parametrize(
    ("client", "name", "protocol"),
    [
        ("claude", "claude-code", "openai_chat"),
        ("codex", "codex", "anthropic"),
        ("gemini", "gemini-cli", "openai_responses"),
        ("qwen", "qwen-code", "gemini"),
        ("opencode", "opencode", "anthropic"),
    ],
)
def test_a_connected_client_does_its_job_and_is_put_back(
    client: str, name: str, protocol: str, tmp_path: Path, standin: StandIn, driver_of: Callable[[str], Driver]
) -> None:
    driver = driver_of(client)
    gateway = Gateway(tmp_path)
    gateway.use(protocol, standin.url, DEFAULT_KEY)
    standin.reset()
    standin.scenario = job.scenario(driver)
    driver.prepare(NOWHERE, OLD_KEY)
    driver.leave_to_files(NOWHERE, OLD_KEY)
    before = files(tmp_path)
    models = [part for model in MODELS.get(name, ()) for part in ("--model", model)]
    with gateway:
        gateway.command("client", "connect", name, "--url", gateway.url, *models)
        run = driver.run(job.PROMPT)
        [row] = [row for row in json.loads(gateway.command("client", "list", "--json")) if row["client"] == name]

    job.check(run, driver, standin, protocol)
    assert row["connected"] == "yes"
    assert row["base_url"].startswith(gateway.url)
    assert not [file for file in (tmp_path / "proxycast").rglob("*") if file.is_file() and OLD_KEY in text(file)]
    assert [key["name"] for key in json.loads(gateway.command("keys", "list", "--json"))] == [name]

    gateway.command("client", "disconnect", name)
    now = files(tmp_path)
    # a client may have written settings of its own beside ours
    assert now.keys() == before.keys() or client in ("codex", "gemini", "qwen")
    assert gateway.url not in str(now)
    assert json.loads(gateway.command("keys", "list", "--json")) == []
