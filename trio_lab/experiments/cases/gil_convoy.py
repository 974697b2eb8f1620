"""Plain Python on the loop, in threads and in a worker process: a thread is not off the loop while it holds the GIL.

Varied: where the Fibonacci number is computed. Held fixed: the number, chosen so that it takes about 60 ms here; four
clients, as many as the native pool has threads; one server; a probe of /health 50 times a second.

A request takes several system calls, and after each the loop has to get the GIL back from threads that keep it for 5 ms at
a time; a worker process shares nothing with the loop, so its /health waits for less than half a job. The ratio of the
medians shows that not only the slowest requests feel it. One GIL allows one core's worth of Python: 1.2 leaves the rest for
the loop and system calls, and a Python without a GIL would refute it. The load generator shares the worker's core on a
machine with two, so jobs per second are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import trio

from ...http.contract import MAX_FIB
from ...records.chart import Role
from ...records.figures import Measures, check, compared, measured, of_each
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import least

_CLIENTS = 4
_JOB_MS = 60.0
_TRIAL = 20  # the number whose time is measured first
_GROWTH = 1.618  # each next Fibonacci number takes so much longer
_ROLES: dict[str, Role] = {"loop": "bad", "thread": "neutral", "process": "good"}


async def _number(server: Server) -> int:
    """The n whose Fibonacci number takes about `_JOB_MS` here."""
    took, n = await least(server, f"/fib?where=loop&n={_TRIAL}", "computeMs"), _TRIAL
    while took < _JOB_MS and n < MAX_FIB:
        took, n = took * _GROWTH, n + 1
    return n


_OF_EACH: Measures[Loaded] = {
    "health_p50_{}_ms": lambda run: run.health.p50 * 1e3,
    "health_p99_{}_ms": lambda run: run.health_p99_ms,
    "{}_rps": lambda run: run.load.throughput,
}
_FIGURES: Measures[Mapping[str, Loaded]] = {
    **of_each(_ROLES, _OF_EACH),
    "convoy": lambda run: run["thread"].health.p50 / run["process"].health.p50,
    "convoy_p99": lambda run: run["thread"].health.p99 / run["process"].health.p99,
    "process_in_jobs": lambda run: run["process"].health.p99 / (_JOB_MS / 1e3),
    "threads_gain": lambda run: run["thread"].load.throughput / run["loop"].load.throughput,
}


async def _collect(stage: Stage) -> Collected:
    server = await stage.kept()
    n = await stage.first("n", partial(_number, server))
    seconds = stage.seconds(4, quick=1.2)

    async def load(where: str) -> tuple[Loaded, float]:
        path, begun = f"/fib?where={where}&n={n}", trio.current_time()
        found = await stage.loaded(server, path, connections=_CLIENTS, duration=seconds, timeout=60.0)
        return found, trio.current_time() - begun

    found = await stage.once({where: partial(load, where) for where in _ROLES})
    run: dict[str, Loaded] = {where: its for where, (its, _) in found.items()}
    return Collected(
        figures=measured(_FIGURES, run) | {"n": n, "thread_cores": run["thread"].cpu / found["thread"][1]},
        charts=(
            charts.health_over_time(
                [(f"/fib in a {w}" if w != "loop" else "/fib on the loop", run[w], r) for w, r in _ROLES.items()]
            ),
            charts.percentiles("Latency of /health", [(w, run[w].health, role) for w, role in _ROLES.items()]),
        ),
        loads=[run["thread"].step],
    )


def _finding(found: Reading) -> str:
    told = (
        f"""{found.said(f"health_p50_{where}_ms", "ms")} and {found.said(f"health_p99_{where}_ms", "ms")} beside jobs
        {"on the loop" if where == "loop" else f"in a {where}"} ({found.said(f"{where}_rps", "/s")})"""
        for where in _ROLES
    )
    return f"/health p50 and p99 were {'; '.join(told)}."


EXPERIMENT = Experiment(
    name="gil-convoy",
    title="The GIL convoy",
    order=25,
    expected_s=20,
    question="Is Python code off the loop when it runs in a thread?",
    prediction="""No. A thread that computes in Python releases the GIL every 5 ms, and only when asked; the loop
        releases it at every system call, and then waits for it behind every thread. So beside four threads /health is
        many times slower than beside a worker process, and the threads together use one core.""",
    figures=("n", "thread_cores", *_FIGURES),
    checks=(
        check("/health p99, threads ÷ process", "convoy_p99", ">=", 2, "×"),
        check("/health p99 beside a process ÷ one job", "process_in_jobs", "<", 0.4, "×"),
        check("/health p50, threads ÷ process", "convoy", ">=", 3, "×"),
        check("cores that four threads use", "thread_cores", "<=", 1.2),
    ),
    advice="""Threads are for what releases the GIL: waiting, hashing, compression, most of what is written in C. Plain
        Python goes to a worker process. A single thread of it already delays every system call of the loop by up to 5
        ms; `sys.setswitchinterval` makes the delay shorter, at the price of more switches.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("health_p99_thread_ms", "/health p99 beside threads", "ms", "lower"),
        compared("health_p99_process_ms", "/health p99 beside processes", "ms", "lower"),
    ),
    lab=False,
    comparison=False,
)
