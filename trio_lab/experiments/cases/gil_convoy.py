"""Plain Python on the loop, in threads and in a worker process: a thread is not off the loop while it holds the GIL."""

from __future__ import annotations

import trio

from ...diagnose.first_full import first_full
from ...http.contract import MAX_FIB
from ...records.chart import Role
from ...records.check import Check, Compared
from ...stage.stage import Loaded, Server, Stage
from .. import charts
from ..model import Collected, Experiment

_CLIENTS = 4  # as many as the native pool has threads
_JOB_MS = 60.0
_TRIAL = 20  # of this number it is found out how long the machine takes
_GROWTH = 1.618  # each next Fibonacci number takes so much longer
_ROLES: dict[str, Role] = {"loop": "bad", "thread": "neutral", "process": "good"}


async def _number(server: Server) -> int:
    """The n whose Fibonacci number takes about `_JOB_MS` here."""
    took = min([(await server.get(f"/fib?where=loop&n={_TRIAL}"))["computeMs"] for _ in range(5)])
    n = _TRIAL
    while took < _JOB_MS and n < MAX_FIB:
        took, n = took * _GROWTH, n + 1
    return n


def _figures(n: int, run: dict[str, Loaded]) -> dict[str, float | None]:
    figures: dict[str, float | None] = {"n": n}
    for where, its in run.items():
        figures |= {
            f"health_p50_{where}_ms": its.health_ms["p50"],
            f"health_p99_{where}_ms": its.health_p99_ms,
            f"{where}_rps": its.load["throughput_rps"],
        }
    figures["convoy"] = run["thread"].health_ms["p50"] / run["process"].health_ms["p50"]
    figures["threads_gain"] = run["thread"].load["throughput_rps"] / run["loop"].load["throughput_rps"]
    return figures


async def _collect(stage: Stage) -> Collected:
    run: dict[str, Loaded] = {}
    took: dict[str, float] = {}
    async with stage.server() as server:
        n = await _number(server)
        for where in _ROLES:
            path = f"/fib?where={where}&n={n}"
            begun = trio.current_time()
            run[where] = await stage.loaded(
                server, path, connections=_CLIENTS, duration=stage.seconds(10, quick=3), timeout=60.0
            )
            took[where] = trio.current_time() - begun
    figures = _figures(n, run) | {"thread_cores": run["thread"].cpu_s / took["thread"]}
    return Collected(
        figures=figures,
        charts=(
            charts.health_over_time(
                [
                    (f"/fib in a {w}" if w != "loop" else "/fib on the loop", run[w].health_points(), r)
                    for w, r in _ROLES.items()
                ]
            ),
            charts.percentiles("Latency of /health", [(w, run[w].health_ms, role) for w, role in _ROLES.items()]),
        ),
        first_full=first_full(run["thread"].samples),
        finding=(
            "/health p50 was "
            + ", ".join(f"{run[w].health_ms['p50']:.1f} ms ({w})" for w in _ROLES)
            + ", p99 "
            + ", ".join(f"{run[w].health_p99_ms:.0f} ms" for w in _ROLES)
            + ". Jobs: "
            + ", ".join(f"{run[w].load['throughput_rps']:.1f}/s" for w in _ROLES)
            + "."
        ),
    )


EXPERIMENT = Experiment(
    name="gil-convoy",
    title="The GIL convoy",
    order=25,
    expected_s=20,
    question="Is Python code off the loop when it runs in a thread?",
    prediction=(
        "No. A thread that computes in Python lets go of the GIL every 5 ms, and only when asked; the loop gives it away "
        "at every system call, and queues for it again behind every thread. So beside four threads /health is many times "
        "slower than beside a worker process, and the threads together use one core."
    ),
    figures=(
        "n",
        *(f"health_{share}_{where}_ms" for where in _ROLES for share in ("p50", "p99")),
        *(f"{where}_rps" for where in _ROLES),
        "convoy",
        "threads_gain",
        "thread_cores",
    ),
    checks=(
        Check(claim="/health p99 beside threads", figure="health_p99_thread_ms", relation=">", bound=25, unit="ms"),
        Check(claim="/health p99 beside a process", figure="health_p99_process_ms", relation="<", bound=25, unit="ms"),
        Check(claim="/health p50, threads ÷ process", figure="convoy", relation=">=", bound=3, unit="×"),
        Check(claim="cores that four threads use", figure="thread_cores", relation="<=", bound=1.2),
    ),
    advice=(
        "Threads are for what releases the GIL: waiting, hashing, compression, most of what is written in C. Plain "
        "Python goes to a worker process. One thread of it already costs every system call of the loop up to 5 ms; "
        "`sys.setswitchinterval` makes the price smaller, and more often paid."
    ),
    collect=_collect,
    compared=(
        Compared(figure="health_p99_thread_ms", label="/health p99 beside threads", unit="ms", better="lower"),
        Compared(figure="health_p99_process_ms", label="/health p99 beside processes", unit="ms", better="lower"),
    ),
    lab=False,
    comparison=False,
)
