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
from dataclasses import dataclass, field
from functools import partial

import trio

from ...load.client import Reply
from ...records.figures import Figures, Measures, check, measured
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


@dataclass(slots=True)
class _Found:
    """The load without and beside jobs that hang, and how each of these was brought to an end."""

    capacity: float = 0.0
    calm: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    overrun: list[float] = field(default_factory=list)
    slot_back: list[float] = field(default_factory=list)


_FIGURES: Measures[_Found] = {
    "capacity_per_s": lambda found: found.capacity,
    "hung": lambda found: len(found.statuses),
    "not_504": lambda found: sum(status != 504 for status in found.statuses),
    "overrun_max_s": lambda found: max(found.overrun),
    "slot_back_max_s": lambda found: max(found.slot_back, default=None),
    "others": lambda found: len(found.calls),
    "others_failed": lambda found: sum(call.status != 200 for call in found.calls),
    "p99_calm_ms": lambda found: p99(found.calm) * 1e3,
    "p99_ms": lambda found: p99(found.calls) * 1e3,
    "p99_ratio": lambda found: p99(found.calls) / p99(found.calm),
}


async def _hang(server: FaultyServer, found: _Found, rounds: int, pause: float) -> None:
    """Jobs that hang, one after the other."""
    for number, kind in enumerate(_KINDS * rounds, 2_000_001):
        try:
            reply = await server.fault(kind, number, timeout=_GIVEN_UP)
        except (OSError, trio.TooSlowError):
            found.statuses.append(0)
            found.overrun.append(_GIVEN_UP - _RUN_TIMEOUT)
            continue
        ended = time.monotonic()
        begun = next(line.at for line in server.lines() if line.number == number)
        found.statuses.append(reply.status)
        found.overrun.append(ended - begun - _RUN_TIMEOUT)
        found.slot_back.append(await server.until_whole(set()))
        await trio.sleep(pause)


async def _measure(stage: Stage, server: FaultyServer, *, each: float) -> dict[str, float | None]:
    """The load lasts as long as the hung jobs do, of which ``each`` takes about so many seconds."""

    async def send(number: int) -> Reply:
        return await server.fault("wait", number, _MS, timeout=3.0)

    able = await capacity(send, callers=2 * _WORKERS, seconds=stage.seconds(4, quick=2))
    rate, rounds = _LOAD * able, stage.count(10, quick=3)
    found = _Found(able, await open_workload(send, rate=rate, seconds=stage.seconds(20, quick=6)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(_hang, server, found, rounds, pause=0.3))
        found.calls += await open_workload(send, rate=rate, seconds=rounds * len(_KINDS) * each, first=100_001)
    return measured(_FIGURES, found)


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
    figures=_FIGURES,
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
