"""True facts of this machine, in the spellings that official clients send (design.md, decision 7)."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import plistlib
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from addons.config.home import Home
from addons.vault.private_file import replace_text

#: Where a machine id is kept for a machine that has none of its own.
KEPT = "machine-id"
_LINUX_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
#: Node's words → Go's, which some clients send.
_GO = {"win32": "windows", "x64": "amd64", "ia32": "386"}
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64", "i686": "ia32", "i386": "ia32"}


@functools.cache
def facts() -> Mapping[str, str]:
    """Places of a header profile: `os` (Node's word: linux, darwin, win32), `os_name` (Linux, macOS, Windows; on Linux
    that of the distribution is `distribution`), `os_release` (the kernel's), `os_version`, `arch` (Node's: x64, arm64),
    `machine` (uname's: x86_64, arm64), `go_os` and `go_arch` (Go's: linux, darwin, windows; amd64, arm64)."""
    kernel = platform.uname()
    names = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
    version = {"darwin": lambda: platform.mac_ver()[0], "win32": lambda: kernel.version}.get(sys.platform)
    distribution = _distribution()
    arch = _ARCHITECTURES.get(kernel.machine.lower(), kernel.machine.lower())
    return {
        "os": sys.platform,
        "os_name": names.get(sys.platform, kernel.system),
        "distribution": distribution[0] or names.get(sys.platform, kernel.system),
        "os_release": kernel.release,
        "os_version": (version() if version is not None else distribution[1]) or kernel.release,
        "arch": arch,
        "machine": kernel.machine,
        "go_os": _GO.get(sys.platform, sys.platform),
        "go_arch": _GO.get(arch, arch),
    }


def _distribution() -> tuple[str, str]:
    try:
        known = platform.freedesktop_os_release()
    except OSError:
        return "", ""
    return known.get("NAME", ""), known.get("VERSION_ID", "")


def machine_id(home: Home | None = None, own: Callable[[], str] | None = None) -> str:
    """64 hexadecimal digits, always the same on this machine: of its own id, or of one made once and kept in `home`.

    How an official client makes its id out of the machine's is not the same everywhere (kiro.md §5.3); a provider that
    knows better says so in its header profile's facts."""
    told = (own or own_id)()
    if not told:
        told = _kept(home or Home.find())
    return hashlib.sha256(told.encode()).hexdigest()


@functools.cache
def own_id() -> str:
    """The id that the operating system gave this installation; "" where there is none to be read."""
    try:
        if sys.platform == "darwin":
            return _mac_id()
        if sys.platform == "win32":
            return _windows_id()
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return ""
    for path in _LINUX_IDS:
        try:
            told = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if len(told) >= 16:
            return told
    return ""


def _mac_id() -> str:
    listed = subprocess.run(
        ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice", "-a"], capture_output=True, timeout=5, check=True
    )
    return str(plistlib.loads(listed.stdout)[0]["IOPlatformUUID"])


def _windows_id() -> str:
    import winreg  # exists on Windows alone

    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:  # type: ignore[attr-defined,unused-ignore]
        return str(winreg.QueryValueEx(key, "MachineGuid")[0])  # type: ignore[attr-defined,unused-ignore]


def _kept(home: Home) -> str:
    path = home.path / KEPT
    try:
        told = path.read_text("ascii").strip()
        if told:
            return told
    except (OSError, UnicodeDecodeError):
        pass
    made = uuid.uuid4().hex
    home.ensure()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_size:
            return _kept(home)  # another process was first
        replace_text(path, made + "\n")
        return made
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made + "\n")
    return made
