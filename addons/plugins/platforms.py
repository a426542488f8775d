"""The names under which `plugin.json` lists programs for this and other machines."""

from __future__ import annotations

import platform

_SYSTEMS = {"darwin": "macos", "linux": "linux", "windows": "windows"}
_MACHINES = {"arm64": "arm64", "aarch64": "arm64", "x86_64": "x64", "amd64": "x64"}

#: Every name that a `platform_binaries` may hold.
PLATFORMS = ("macos-arm64", "macos-x64", "linux-x64", "linux-arm64", "windows-x64")


def here() -> str:
    """This machine's, such as `linux-x64`; raw names where it is none of PLATFORMS, so that none matches by chance."""
    system, machine = platform.system().lower(), platform.machine().lower()
    return f"{_SYSTEMS.get(system, system)}-{_MACHINES.get(machine, machine)}"
