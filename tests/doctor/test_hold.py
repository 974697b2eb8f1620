"""The load that is held for objectives: it ends whatever the service tells of itself, and what it tells is of this load."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.load.scripted_server import reply, replying, serving
from trio_lab.doctor.hold import hold
from trio_lab.records.health import Health
from trio_lab.records.slo import Estimate
from trio_lab.stage.loaders import Loaders

from ..diagnose.test_diagnosis import WAITING


class Blocked:
    """A program whose loop has stopped for good: it serves in another process, and says nothing more of itself."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def sample(self, *, reset: bool = True) -> Health | None:
        await trio.sleep_forever()


class Busy:
    """A service that answers its second look, and then every other one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.resets: list[bool] = []

    async def sample(self, *, reset: bool = True) -> Health | None:
        self.resets.append(reset)
        return WAITING.health(10.0, 0.0) if len(self.resets) > 1 else None


async def held(service: Blocked | Busy, seconds: float) -> dict[str, Estimate]:
    found = await hold(service, "", Loaders(), rate=40.0, seconds=seconds, patience=0.5, own_this=False)
    return {one.figure: one for one in found}


async def test_it_does_not_wait_for_a_loop_that_has_stopped(autojump_clock: MockClock) -> None:
    async with serving(replying(reply())) as url:
        figures = await held(Blocked(url), 0.2)
    assert figures["errors"].measured == 0.0
    assert (figures["pool"].measured, figures["pool"].note) == (None, "nothing inside of the service is seen")


async def test_a_window_begins_before_anything_is_read_from_it() -> None:
    async with serving(replying(reply())) as url:
        service = Busy(url)
        await held(service, 0.25)
    assert service.resets[:2] == [True, True], "the first look had no answer, so no window has begun"
    assert not any(service.resets[2:])
