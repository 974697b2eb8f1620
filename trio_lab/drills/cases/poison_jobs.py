"""Sixteen kinds of jobs that return, more or less, and try to damage something.

Unpicklable arguments and results, a result of 100 MB, an exception that cannot be rebuilt from its pickle, `sys.exit`,
KeyboardInterrupt, a recursion without end, a coroutine, a generator, prints on standard output, descriptors 3 to 20
closed, a process left behind, a process that comes back from the job twice, a thread left behind, another working
directory, other signal handlers. Each must end in its result or in an ordinary exception, and the next good job must be
served within a second: the time to replace a worker, and some room.

The pool is driven directly, in a process of its own: an unpicklable argument cannot come over HTTP. The control is
`concurrent.futures.ProcessPoolExecutor`, one for all kinds, as a service would have it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import trio

from ...pools.workers import WorkerPool, open_worker_pool
from ...records.figures import check
from ...stage.alone import alone
from ...work import echo
from .. import poison
from ..aftermath import good_job, watched_pool
from ..model import Drill

_PATIENCE = 10.0


class _Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("this cannot be pickled")


# name: (job, arguments, what is an honest end: a value, or Exception for any ordinary exception)
KINDS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]] = {
    "unpicklable-argument": (echo, (_Unpicklable(),), Exception),
    "unpicklable-result": (poison.return_unpicklable, (), Exception),
    "100-mb-result": (poison.return_much, (100,), bytes(100_000_000)),
    "untravelled-exception": (poison.raise_untravelled, (), Exception),
    "sys-exit": (poison.exit_softly, (), Exception),
    "keyboard-interrupt": (poison.interrupt, (), Exception),
    "recursion": (poison.recurse, (), RecursionError),
    "coroutine": (poison.coroutine, (), Exception),
    "generator": (poison.generate, (), Exception),
    "prints": (poison.chatter, (), "said"),
    "closes-descriptors": (poison.close_descriptors, (), "closed"),
    "forks": (poison.fork_and_stay, (), "forked"),
    "forks-and-returns": (poison.fork_and_return, (), "twice"),
    "leaves-thread": (poison.leave_thread, (), "left"),
    "changes-directory": (poison.change_directory, (), "moved"),
    "changes-signals": (poison.change_signals, (), "changed"),
}


class _Count:
    """Jobs that did not end as they should, and the good jobs after each."""

    def __init__(self) -> None:
        self.wrong = dict.fromkeys(KINDS, 0)
        self.good_max = 0.0
        self.good_failed = 0

    def end(self, kind: str, found: Any) -> None:
        expected = KINDS[kind][2]
        honest = isinstance(found, expected) if isinstance(expected, type) else found == expected
        if not honest:
            self.wrong[kind] += 1

    def good(self, took: float, arrived: bool) -> None:
        self.good_max = max(self.good_max, took)
        self.good_failed += not arrived

    def figures(self, each: int) -> dict[str, float | None]:
        return {
            "jobs": each * len(KINDS),
            "dishonest_ends": sum(self.wrong.values()),
            "good_max_s": self.good_max,
            "good_failed": self.good_failed,
            **{f"wrong_{kind}": number for kind, number in self.wrong.items()},
        }


async def in_pool(each: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    count = _Count()
    async with watched_pool(open_worker_pool(size=2), figures) as pool:
        for kind in KINDS:
            for _ in range(each):
                count.end(kind, await _end_of(pool, kind))
                begun, arrived = time.monotonic(), False
                with trio.move_on_after(_PATIENCE):
                    arrived = await good_job(pool)
                count.good(time.monotonic() - begun, arrived)
        figures |= count.figures(each)
    return figures


async def _end_of(pool: WorkerPool, kind: str) -> Any:
    job, arguments, _ = KINDS[kind]
    with trio.move_on_after(_PATIENCE):
        try:
            return await pool.run(job, *arguments)
        except BaseException as error:  # which error it is, is the question
            if isinstance(error, trio.Cancelled):
                raise
            return error
    return TimeoutError


def in_executor(each: int, patience: float) -> dict[str, float | None]:
    count = _Count()
    executor = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    executor.submit(echo, 1).result()
    for kind, (job, arguments, _) in KINDS.items():
        for _ in range(each):
            count.end(kind, _settled(executor, patience, job, *arguments))
            begun = time.monotonic()
            good = _settled(executor, patience, echo, "good")
            count.good(time.monotonic() - begun, good == "good")
    return count.figures(each)


def _settled(executor: ProcessPoolExecutor, patience: float, job: Callable[..., Any], *arguments: Any) -> Any:
    try:
        future: Future[Any] = executor.submit(job, *arguments)
        return future.result(timeout=patience)
    except TimeoutError:
        return TimeoutError
    except BaseException as error:  # which error it is, is the question; SystemExit reaches the caller here
        return error


DRILL = Drill(
    name="poison-jobs",
    number=6,
    gate=True,
    question="Sixteen kinds of ill-mannered jobs: does each end honestly, and is the next good job served?",
    figures=tuple(_Count().figures(0)),
    checks=(
        check("jobs that did not end as they should", "dishonest_ends", "<=", 0),
        check("good jobs after them that failed", "good_failed", "<=", 0),
        check("longest wait of a good job after them", "good_max_s", "<=", 1.0, "s"),
    ),
    inject=lambda stage: alone(partial(in_pool, stage.count(20, quick=3)), limit=600),
    control=lambda stage: alone(partial(in_executor, each=1, patience=3.0)),
    twin="ProcessPoolExecutor",
)
