"""Installs the coding agents named in versions.json, each in a directory of its own, once.

Run as ``scripts/install-clients [CLIENT …]``. Versions are exact: with a range, npm on an older Node quietly takes an
old release. An installation appears under its final name only after the client has answered ``--version``.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VERSIONS = Path(__file__).with_name("versions.json")
NPM_SECONDS = 600
START_SECONDS = 60


class InstallError(Exception):
    """A client could not be installed; the text is for a person."""


@dataclass(frozen=True)
class Package:
    """One pinned client: what npm installs and what it is called once installed."""

    client: str
    package: str
    version: str
    command: str

    @property
    def home(self) -> Path:
        return cache() / f"{self.client}-{self.version}"

    def command_in(self, directory: Path) -> Path:
        return directory / "node_modules" / ".bin" / self.command


def cache() -> Path:
    """Where installations are kept: under ``PROXYCAST_TEST_CACHE`` if that is set."""
    root = os.environ.get("PROXYCAST_TEST_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "proxycast-tests") / "clients"


def packages() -> dict[str, Package]:
    """The table of pinned clients, by client name."""
    table = json.loads(VERSIONS.read_text(encoding="utf-8"))
    return {client: Package(client=client, **row) for client, row in table.items()}


def ensure(client: str) -> Path:
    """The path of that client's command, installed now if it is not there yet; InstallError if it cannot be."""
    package = packages()[client]
    if not package.command_in(package.home).exists():
        with _only_one_at_a_time(package):
            if not package.command_in(package.home).exists():
                _install(package)
    return package.command_in(package.home)


@contextmanager
def _only_one_at_a_time(package: Package) -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{package.client}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(package: Package) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError("npm is not on the PATH: the coding agents are npm packages and need Node 20 or newer")
    _say(f"{package.client}: installing {package.package} {package.version}")
    staging = Path(tempfile.mkdtemp(prefix=f".{package.client}-", dir=cache()))
    try:
        _run_npm(npm, package, staging)
        _check_start(package, staging)
        if package.home.exists():
            shutil.rmtree(package.home)
        staging.rename(package.home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _run_npm(npm: str, package: Package, directory: Path) -> None:
    options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error"]
    # A release may name a newer Node than it needs; whether it starts is what decides, and that is tried next.
    options.append("--engine-strict=false")
    command = [npm, "install", "--prefix", str(directory), *options, f"{package.package}@{package.version}"]
    result = _run(package, command, NPM_SECONDS)
    if result.returncode != 0:
        raise InstallError(f"{package.client}: npm failed\n{_tail(result)}")


def _check_start(package: Package, directory: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="proxycast-client-") as home:
        command = [str(package.command_in(directory)), "--version"]
        result = _run(package, command, START_SECONDS, {"PATH": os.environ.get("PATH", ""), "HOME": home})
    if result.returncode != 0 or package.version not in result.stdout:
        raise InstallError(
            f"{package.client}: {package.package} {package.version} is installed but does not start"
            f" (needs a newer Node?)\n{_tail(result)}"
        )


def _run(
    package: Package, command: Sequence[str], seconds: float, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{package.client}: {error}") from error


def _tail(result: subprocess.CompletedProcess[str]) -> str:
    return "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Install the named clients, or all; print one ``CLIENT PATH`` line each. Exit status 1 if any failed."""
    known = packages()
    unknown = [name for name in arguments if name not in known]
    if unknown:
        _say(f"no such client: {', '.join(unknown)} (known: {', '.join(known)})")
        return 2
    failed = False
    for client in arguments or known:
        try:
            print(client, ensure(client), flush=True)
        except InstallError as error:
            failed = True
            _say(str(error))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
