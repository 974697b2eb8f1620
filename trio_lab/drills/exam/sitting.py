"""Examines the service of a case, and keeps what was seen. What is kept already is not examined again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio

from ...diagnose import growth
from ...doctor.examine import Examiner
from ...doctor.ramp import Budget
from ...records.codec import encode
from ...records.examination import Examination
from ...records.reading import read_examination
from ...report.disk import write_whole
from ...stage.attached import attached
from ...stage.loaders import Loaders
from ...subjects.patients.prescription import VARIABLE
from .case import Case

BUDGET = Budget(seconds=18.0, step=0.5, calm=1.2)
"""About two thirds of a quick examination: its intervals are wider, and the exam is about names and reasons."""
_AGAIN = 2  # times that a disturbed examination is repeated
_TURN = 1.5  # seconds in which the load of others stays the same
_WORK, _CHEAP = "/a", "/b"


async def seen(case: Case, folder: Path) -> Examination:
    """What was seen of the service of a case, now or the last time. A disturbed examination is repeated."""
    file = folder / f"{case.name}.json"
    if file.exists():
        return read_examination(file.read_bytes())
    found = await examined(case)
    for _ in range(_AGAIN):
        if not disturbed(found):
            break
        found = await examined(case)
    write_whole(file, encode(found))
    return found


def disturbed(found: Examination) -> bool:
    """Whether other programs kept the service from running for most of the time, by its own counters. The verdict plays no
    part in this."""
    loaded = [step for step in found.steps if step.part != "rest"]
    return 2 * sum(map(growth.disturbed, loaded)) > len(loaded)


async def examined(case: Case) -> Examination:
    """Start the service, examine it, stop it."""
    env = os.environ | {VARIABLE: encode(case.planted.prescription).decode()}
    async with AsyncExitStack() as stack:
        quiet = subprocess.DEVNULL
        service = await stack.enter_async_context(attached(case.command, env=env, stdout=quiet, stderr=quiet))
        await stack.enter_async_context(_others(case, service.url + _WORK))
        examiner = Examiner(service=service, ours=True, path=_WORK, probe=_CHEAP, budget=BUDGET, target=case.target)
        return await examiner.run()


@asynccontextmanager
async def _others(case: Case, url: str) -> AsyncIterator[None]:
    """Another client, whose load changes all the time."""
    async with trio.open_nursery() as nursery:
        if case.others:
            nursery.start_soon(_ask, url, case.others)
        yield
        nursery.cancel_scope.cancel()


async def _ask(url: str, rates: tuple[float, ...]) -> None:
    loaders = Loaders()
    async with loaders.open():
        while True:
            for rate in rates:
                if rate:
                    await loaders.load(
                        {"url": url, "connections": 64, "duration": _TURN, "rate": rate, "timeout": 10.0}
                    )
                else:
                    await trio.sleep(_TURN)
