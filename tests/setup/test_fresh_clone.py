"""What a newcomer does: clone, `scripts/run` with an empty home, the first request."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from tests.cli.running import Run

ROOT = Path(__file__).resolve().parents[2]
INSTALL_SECONDS = 600

pytestmark = pytest.mark.slow


def test_a_fresh_clone_comes_up_and_answers(tmp_path: Path):
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    run = Run(home, command=(str(clone / "scripts" / "run"),))
    try:
        run.up(INSTALL_SECONDS)
        answer = httpx.post(
            f"{run.url}/v1/messages",
            json={"model": "claude-demo", "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]},
            headers={"x-api-key": run.key},
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        assert "Hello from ProxyCast" in answer.text
        assert len(run.ports_open) == 3
        assert httpx.get(run.login, trust_env=False).status_code in (200, 302)
    finally:
        if run.ended is None:
            run.stop()
    assert run.ended == 0, run.text
    assert run.ports_open == []
