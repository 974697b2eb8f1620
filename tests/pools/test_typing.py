"""Unit: a type checker finds what does not fit in a call of a pool, before it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import trio_lab

# A line that is wrong says so; every other line must pass.
PROGRAM = """\
import time
from functools import partial

from trio_lab import NativePool, PoolLimits, WorkerPool, open_native_pool, open_worker_pool


def page(address: str, number: int = 1) -> bytes:
    return address.encode() * number


async def use(pool: NativePool) -> None:
    first: bytes = await pool.run(page, "home")
    second: bytes = await pool.run(page, "home", 2, queue_timeout=1.0, kind="page", priority=1)
    third: bytes = await pool.run(partial(page, number=3), "home")
    await pool.run(time.sleep, 0.1, abandon_on_cancel=True)
    await pool.run(page, 2)  # wrong
    await pool.run(page, "home", "2")  # wrong
    await pool.run(page)  # wrong
    await pool.run(time.sleep, "soon")  # wrong
    await pool.run(time.sleep, 0.1, queue_timout=1.0)  # wrong
    number: int = await pool.run(page, "home")  # wrong


async def compute(pool: WorkerPool) -> None:
    first: bytes = await pool.run(page, "home", 2, queue_timeout=1.0, run_timeout=2.0, kind="page", priority=1)
    second, waited = await pool.run_timed(page, "home", run_timeout=1.0)
    third: bytes = second
    seconds: float = waited
    await pool.run(page, 2)  # wrong
    await pool.run(page)  # wrong
    await pool.run(page, "home", run_timeout="soon")  # wrong
    await pool.run(page, "home", abandon_on_cancel=True)  # wrong
    number: int = await pool.run(page, "home")  # wrong
    await pool.run_timed(page, 2)  # wrong
    await pool.run_timed(page, "home", run_timout=1.0)  # wrong


async def main() -> None:
    async with open_worker_pool(name="pages", size=2, min_size=1, max_queue=None, grace=2.0, on_cancel="stop") as workers:
        await compute(workers)
        limits: PoolLimits = workers.limits
    async with open_worker_pool(sizee=2) as workers:  # wrong
        pass
    async with open_worker_pool(size="2") as workers:  # wrong
        pass
    async with open_worker_pool(on_cancel="pray") as workers:  # wrong
        pass
    async with open_worker_pool(2) as workers:  # wrong
        pass
    async with open_native_pool(size=2, max_queue=None, queue_timeout=0.5, name="pages") as pool:
        await use(pool)
    async with open_native_pool(treads=2) as pool:  # wrong
        pass
"""


def test_wrong_arguments_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    monkeypatch.chdir(Path(trio_lab.__file__).parents[1])  # where mypy keeps what it knows of the package
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    report, errors, _ = api.run(["--strict", str(program)])
    assert errors == ""
    found = {int(line) for line in re.findall(r"program\.py:(\d+): error", report)}
    wrong = {n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, report
