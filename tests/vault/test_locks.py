"""One holder at a time, in this process and in others; a dead one holds nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from addons.vault import locks

HOLDER = """
import asyncio, sys
from pathlib import Path
from addons.vault import locks

async def main():
    async with locks.held(Path(sys.argv[1]), "family", 5):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_holders_do_not_overlap_and_leave_nothing_behind(tmp_path: Path):
    inside = most = 0

    async def one() -> None:
        nonlocal inside, most
        async with locks.held(tmp_path, "family", 5):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(20)))
    assert most == 1
    assert list(tmp_path.iterdir()) == []


async def test_other_families_do_not_wait(tmp_path: Path):
    async with locks.held(tmp_path, "one", 1), locks.held(tmp_path, "other", 1):
        assert len(list(tmp_path.iterdir())) == 2


async def test_waiting_has_an_end(tmp_path: Path):
    async with locks.held(tmp_path, "family", 1):
        with pytest.raises(locks.LockTimeoutError):
            async with locks.held(tmp_path, "family", 0.1):
                raise AssertionError
    async with locks.held(tmp_path, "family", 0.1):
        pass


async def test_a_fault_inside_gives_the_lock_up(tmp_path: Path):
    with pytest.raises(ZeroDivisionError):
        async with locks.held(tmp_path, "family", 1):
            _ = 1 / 0
    async with locks.held(tmp_path, "family", 0.1):
        pass


async def test_another_process_holds_it_until_it_dies(tmp_path: Path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(locks.LockTimeoutError):
            async with locks.held(tmp_path, "family", 0.1):
                raise AssertionError
    finally:
        holder.kill()
        holder.wait()
    async with locks.held(tmp_path, "family", 2):
        pass


def test_a_family_does_not_tell_its_token():
    assert locks.family("secret") == locks.family("secret") != locks.family("other")
    assert len(locks.family("secret")) == 16
