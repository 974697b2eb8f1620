"""The same pool at several sizes, for work that computes and for work that waits.

Varied: the pool's size, while one server runs, and what the work needs: a core (`/hash`) or only time (`/wait`). Held
fixed: the length of a job. There are more waiting clients than the largest pool has threads, else the clients would be
the limit. The knee is the smallest size within a tenth of the best goodput.

A thread for each core computes, and a second hides the moment in which the first waits for its next job: 2× the cores.
Sixteen times the threads could bring 16× the waiting calls; half is left for HTTP and for the machine: 8×. Beyond two
threads a core there is nothing to gain, and 1.2 is noise. In every round the sizes take their turn in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ...cores import usable_cores
from ...diagnose.knee import knee
from ...records.chart import Chart, Role
from ...records.figures import Measures, check, measured
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_WAIT_MS = 100
# A sixth of the usual hash: with all clients at once on two cores each still ends soon, so a short run counts many.
_ROUNDS = 20_000
_WAITING_CLIENTS, _COMPUTING_CLIENTS = 100, 64

_CORES = usable_cores()
_LARGEST, _USUAL = 64, 4
_ENOUGH = min(2 * _CORES, _LARGEST)  # two threads for every core
_SIZES = {
    "computing": tuple(sorted({1, _CORES, _ENOUGH, _LARGEST})),
    "waiting": (_USUAL, 16, _LARGEST),
}

Rates = dict[int, float]  # goodput by size


def _knee(rates: Rates) -> float | None:
    return knee(list(rates.items()))


def _gain(rates: Rates, usual: int) -> float | None:
    """What the largest pool brings ÷ what the usual one does."""
    return rates[_LARGEST] / rates[usual] if rates[usual] else None


def _rate_of(kind: str, size: int, rates: Mapping[str, Rates]) -> float:
    return rates[kind][size]


_FIGURES: Measures[dict[str, Rates]] = {
    "computing_knee": lambda rates: _knee(rates["computing"]),
    "waiting_knee": lambda rates: _knee(rates["waiting"]),
    **{f"{kind}_rps_{size}": partial(_rate_of, kind, size) for kind, sizes in _SIZES.items() for size in sizes},
    "computing_knee_per_core": lambda rates: at / _CORES if (at := _knee(rates["computing"])) else None,
    "waiting_gain": lambda rates: _gain(rates["waiting"], _USUAL),
    "computing_gain": lambda rates: _gain(rates["computing"], _ENOUGH),
    "cores": lambda _: _CORES,
}


async def _at(stage: Stage, server: Server, path: str, clients: int, size: int) -> Loaded:
    await server.resize(size)
    return await stage.loaded(server, path, connections=clients, duration=stage.seconds(1.5, quick=0.4))


async def _collect(stage: Stage) -> Collected:
    server = await stage.kept("--queue-timeout", "0.5")
    kinds = {
        "computing": (f"/hash?rounds={_ROUNDS}", _COMPUTING_CLIENTS),
        "waiting": (f"/wait?ms={_WAIT_MS}", _WAITING_CLIENTS),
    }
    turns = {
        (kind, size): partial(_at, stage, server, path, clients, size)
        for kind, (path, clients) in kinds.items()
        for size in _SIZES[kind]
    }
    found = await stage.once(turns)
    computing, waiting = ({size: found[kind, size].load.goodput for size in _SIZES[kind]} for kind in kinds)
    return Collected(
        figures=measured(_FIGURES, {"computing": computing, "waiting": waiting}),
        charts=(
            _chart("Work that computes (/hash)", computing, "bad"),
            _chart(f"Work that waits {_WAIT_MS} ms (/wait)", waiting, "good"),
        ),
        samples=found["waiting", _USUAL].samples,
    )


def _finding(found: Reading) -> str:
    return f"""On {_CORES} cores the smallest pool within a tenth of the best throughput had, for hashing,
        {found.said("computing_knee", "threads")}; 64 threads brought {found.said("computing_gain", "×")} of what {_ENOUGH}
        did. For waiting calls 64 threads brought {found.said("waiting_gain", "×")} of what 4 did. The size was changed while
        the server ran."""


def _chart(title: str, rates: Rates, role: Role) -> Chart:
    at = _knee(rates)
    return charts.chart(
        title,
        "line",
        ("threads in the native pool", "replies/s"),
        [("throughput", rates.items(), role)],
        log_x=True,
        rules=[] if at in (None, _LARGEST) else [charts.rule(at, f"knee: {at:.0f} threads", axis="x")],
        note="The knee is the smallest pool within a tenth of the best throughput.",
    )


EXPERIMENT = Experiment(
    name="native-pool-sizing",
    title="How large should the native pool be?",
    order=2,
    expected_s=34,
    question="Does a larger native pool serve more, for work that computes and for work that waits?",
    prediction="""For hashing nothing is gained beyond two threads for each core: the second hides the moment in which
        the first waits for its next job, and all others only share the same cores. For calls that wait, throughput
        grows with the pool until something else is the limit.""",
    figures=_FIGURES,
    checks=(
        check("waiting calls, 64 threads ÷ 4", "waiting_gain", ">=", 8, "×"),
        check("knee for work that computes ÷ cores", "computing_knee_per_core", "<=", 2, "×"),
        check("hashing, 64 threads ÷ twice the cores", "computing_gain", "<=", 1.2, "×"),
    ),
    advice="""Size a pool by what its work waits for. If the pool's queue is long and the cores are idle, grow it
        (`--threads`, or `NativePool.resize` while it runs). If the cores are busy, a larger pool only lets more jobs
        slow each other down: bound the queue instead, or move the work elsewhere.

        There is no right size for one pool with work of both kinds. Give each its own.""",
    collect=_collect,
    finding=_finding,
)
