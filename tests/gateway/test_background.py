"""Work beside the flows is done by one task, from the start of the gateway to its end."""

from __future__ import annotations

import asyncio

from addons.gateway.upkeep.background import Background


class Work:
    def __init__(self, *, fails: bool = False) -> None:
        self.begun, self.ended, self.fails = 0, 0, fails
        self.background = Background(self._run)

    async def _run(self) -> None:
        self.begun += 1
        try:
            if not self.fails:
                await asyncio.Event().wait()
        finally:
            self.ended += 1


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_it_begins_once_however_often_it_is_started() -> None:
    work = Work()
    for _ in range(3):
        work.background.start()
        await turns()
    assert (work.begun, work.ended) == (1, 0)
    work.background.stop()
    await turns()
    assert (work.begun, work.ended) == (1, 1)


async def test_it_can_be_started_again_after_its_end() -> None:
    work = Work()
    work.background.start()
    await turns()
    work.background.stop()
    await turns()
    work.background.start()
    await turns()
    assert (work.begun, work.ended) == (2, 1)
    work.background.stop()
    await turns()


async def test_one_that_broke_off_begins_anew() -> None:
    work = Work(fails=True)
    work.background.start()
    await turns()
    work.background.start()
    await turns()
    assert (work.begun, work.ended) == (2, 2)


async def test_what_never_began_can_be_stopped() -> None:
    work = Work()
    work.background.stop()
    await turns()
    assert work.begun == 0
