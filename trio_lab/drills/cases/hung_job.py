"""Jobs that never end: an endless loop, a long sleep, and a loop that ignores every polite signal.

Over HTTP, with a run timeout of one second. Held fixed: a load of half the capacity, which is measured first, and its p99
without any hung job. There are four workers although the machine may have two cores, and jobs that wait instead of
computing: with two workers one hung job takes half of the capacity, the load would take the other half, and no pool could
keep others' response times there.

A job may outlive its timeout by half a second (it is asked to end before it is killed), and its place must be back within
one. Others' p99 may double, since one of four workers is missing. The control is the naive profile, without a timeout.
"""

from __future__ import annotations

import time

import trio

from ...load.client import Reply
from ...records.check import check
from ...records.figures import Figures
from ...stage.stage import Stage
from ..model import Drill
from ..server import FaultyServer, faulty_server
from ..workload import Call, capacity, open_workload, p99

_WORKERS = 4
_MS = 40
_LOAD = 0.5
_RUN_TIMEOUT = 1.0
_GIVEN_UP = 5.0  # seconds until its caller leaves
_KINDS = ("loop", "sleep", "deaf")


class _Hung:
    """The jobs that hang, one after the other, and how each was brought to an end."""

    def __init__(self, server: FaultyServer) -> None:
        self._server = server
        self.injected = 0
        self.statuses: list[int] = []
        self.overrun: list[float] = []
        self.slot_back: list[float] = []

    async def inject(self, rounds: int, pause: float) -> None:
        for kind in _KINDS * rounds:
            self.injected += 1
            number = 2_000_000 + self.injected
            try:
                reply = await self._server.fault(kind, number, timeout=_GIVEN_UP)
            except (OSError, trio.TooSlowError):
                self.statuses.append(0)
                self.overrun.append(_GIVEN_UP - _RUN_TIMEOUT)
                continue
            ended = time.monotonic()
            begun = next(line.at for line in self._server.lines() if line.number == number)
            self.statuses.append(reply.status)
            self.overrun.append(ended - begun - _RUN_TIMEOUT)
            self.slot_back.append(await self._server.until_whole(set()))
            await trio.sleep(pause)


async def _measure(stage: Stage, server: FaultyServer, *, each: float) -> dict[str, float | None]:
    """The load lasts as long as the hung jobs do, of which ``each`` takes about so many seconds."""

    async def send(number: int) -> Reply:
        return await server.fault("wait", number, _MS, timeout=3.0)

    able = await capacity(send, callers=2 * _WORKERS, seconds=stage.seconds(4, quick=2))
    rate = _LOAD * able
    calm = await open_workload(send, rate=rate, seconds=stage.seconds(20, quick=6))
    hung, rounds = _Hung(server), stage.count(10, quick=3)
    calls: list[Call] = []
    async with trio.open_nursery() as nursery:

        async def load() -> None:
            seconds = rounds * len(_KINDS) * each
            calls.extend(await open_workload(send, rate=rate, seconds=seconds, first=100_001))

        nursery.start_soon(load)
        await hung.inject(rounds, pause=0.3)
    return {
        "capacity_per_s": able,
        "hung": hung.injected,
        "not_504": sum(status != 504 for status in hung.statuses),
        "overrun_max_s": max(hung.overrun),
        "slot_back_max_s": max(hung.slot_back, default=None),
        "others": len(calls),
        "others_failed": sum(call.status != 200 for call in calls),
        "p99_calm_ms": p99(calm) * 1e3,
        "p99_ms": p99(calls) * 1e3,
        "p99_ratio": p99(calls) / p99(calm),
    }


async def _inject(stage: Stage) -> Figures:
    async with faulty_server("--run-timeout", str(_RUN_TIMEOUT), workers=_WORKERS) as server:
        figures = await _measure(stage, server, each=_RUN_TIMEOUT + 0.6)
        return figures | await server.aftermath()


async def _control(stage: Stage) -> Figures:
    """One of each kind is enough: three hung jobs take three of four workers for good."""
    async with faulty_server("--profile", "naive", workers=_WORKERS) as server:
        figures = await _measure(Stage(quick=True, dose=0.3), server, each=_GIVEN_UP)
        server.child.kill()  # it would wait for its workers for ever
        return figures


DRILL = Drill(
    name="hung-job",
    number=3,
    gate=True,
    question="Jobs hang in three ways at half the load: are they ended in time, and do others notice?",
    figures=(
        "capacity_per_s",
        "hung",
        "not_504",
        "overrun_max_s",
        "slot_back_max_s",
        "others",
        "others_failed",
        "p99_calm_ms",
        "p99_ms",
        "p99_ratio",
    ),
    checks=(
        check("hung jobs that did not end in 504", "not_504", "<=", 0),
        check("longest life past the run timeout", "overrun_max_s", "<=", 0.5, "s"),
        check("longest time until the place is back", "slot_back_max_s", "<=", 1.0, "s"),
        check("others that failed", "others_failed", "<=", 0),
        check("others' p99 ÷ p99 without the fault", "p99_ratio", "<=", 2.0, "×"),
    ),
    inject=_inject,
    control=_control,
    twin="profile naive, without a run timeout",
)
