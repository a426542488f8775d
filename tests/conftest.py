"""What holds for all tests: no keyring of whoever runs them, no property test that fails because the machine is slow,
and no secret left behind."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests import sweep

# processes that tests start inherit this
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

settings.register_profile("proxycast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("proxycast")

LEAKS = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look through the folders of all workers, once, when everything that wrote into them has ended."""
    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    base = getattr(factory, "_basetemp", None)
    found = sweep.leaks(base) if base is not None else []
    session.config.stash[LEAKS] = found
    if found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(LEAKS, [])
    if found:
        terminalreporter.section("secrets left behind", red=True)
        for line in found:
            terminalreporter.write_line(line)
