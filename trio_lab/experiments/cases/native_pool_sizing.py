"""The same pool at several sizes, for work that computes and for work that waits.

Varied: the pool's size, while one server runs, and what the work needs: a core (`/hash`) or only time (`/wait`). Held
fixed: the length of a job. There are more clients than the largest pool has threads, else the clients would be the limit.
The knee is the size at which the rate stops rising: where the best fit of a line that rises and then is flat bends. In every
round the sizes take their turn in another order; those that no check compares are measured in the first round only, for the
charts.

A thread for each core computes, and a second hides the moment in which the first waits for its next job: 2× the cores.
Four times as many bring nothing more: 1.5 is what two short phases differ by. Sixteen times the threads could bring 16×
the waiting calls; half is left for HTTP and for the machine: 8×.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ...cores import usable_cores
from ...diagnose.hinge import knee
from ...records.chart import Chart, Role
from ...records.figures import Measures, check, measured
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.turns import Contestant
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_WAIT_MS = 100
_ROUNDS = 15_000  # an eighth of the usual hash, so that a short phase counts many

_CORES = usable_cores()
_ENOUGH, _MANY = 2 * _CORES, 8 * _CORES  # threads for work that computes
_USUAL, _LARGEST = 4, 64  # threads for calls that wait
_SIZES = {"computing": (1, _CORES, _ENOUGH, _MANY), "waiting": (_USUAL, 16, _LARGEST)}
_COMPARED = {("computing", _ENOUGH), ("computing", _MANY), ("waiting", _USUAL), ("waiting", _LARGEST)}
_CLIENTS = {"computing": 12 * _CORES, "waiting": 100}

Rates = dict[int, float]  # replies a second, by size


def _knee(rates: Rates) -> float | None:
    return knee(list(rates.items()))


def _gain(rates: Rates, many: int, usual: int) -> float | None:
    """What the larger pool brings ÷ what the usual one does."""
    return rates[many] / rates[usual] if rates[usual] else None


def _rate_of(kind: str, size: int, rates: Mapping[str, Rates]) -> float:
    return rates[kind][size]


_FIGURES: Measures[dict[str, Rates]] = {
    "computing_knee": lambda rates: _knee(rates["computing"]),
    "waiting_knee": lambda rates: _knee(rates["waiting"]),
    **{f"{kind}_rps_{size}": partial(_rate_of, kind, size) for kind, sizes in _SIZES.items() for size in sizes},
    "waiting_gain": lambda rates: _gain(rates["waiting"], _LARGEST, _USUAL),
    "computing_gain": lambda rates: _gain(rates["computing"], _MANY, _ENOUGH),
    "cores": lambda _: _CORES,
}


def _rate(found: Loaded) -> float:
    """Replies in time per second, until the last."""
    load = found.load
    return load.pace * load.requests.ok / max(1, load.requests.completed)


async def _at(stage: Stage, server: Server, path: str, clients: int, size: int) -> Loaded:
    await server.resize(size)
    return await stage.loaded(
        server, path, connections=clients, duration=stage.seconds(1.5, quick=0.4), keep_samples=True
    )


async def _collect(stage: Stage) -> Collected:
    server = await stage.kept("--queue-timeout", "0.5")
    paths = {"computing": f"/hash?rounds={_ROUNDS}", "waiting": f"/wait?ms={_WAIT_MS}"}
    turns: dict[tuple[str, int], Contestant[Loaded]] = {}
    for kind, sizes in _SIZES.items():
        for size in sizes:
            call = partial(_at, stage, server, paths[kind], _CLIENTS[kind], size)
            turns[kind, size] = call if (kind, size) in _COMPARED else partial(stage.first, f"{kind}, {size}", call)
    found = await stage.once(turns)
    computing, waiting = ({size: _rate(found[kind, size]) for size in sizes} for kind, sizes in _SIZES.items())
    return Collected(
        figures=measured(_FIGURES, {"computing": computing, "waiting": waiting}),
        charts=(
            _chart("Work that computes (/hash)", computing, "bad"),
            _chart(f"Work that waits {_WAIT_MS} ms (/wait)", waiting, "good"),
        ),
        loads=[found["waiting", _USUAL].step],
    )


def _finding(found: Reading) -> str:
    knee = f": the throughput stopped rising at {found.said('computing_knee', 'threads')}"
    return f"""On {_CORES} cores {_MANY} threads brought {found.said("computing_gain", "×")} of the hashes that {_ENOUGH}
        did{found.chosen("computing_gain", holds=knee, fails="")}. For waiting calls 64 threads brought
        {found.said("waiting_gain", "×")} of what 4 did. The size was changed while the server ran."""


def _chart(title: str, rates: Rates, role: Role) -> Chart:
    at = _knee(rates)
    return charts.chart(
        title,
        "line",
        ("threads in the native pool", "replies/s"),
        [("throughput", rates.items(), role)],
        log_x=True,
        rules=[] if at is None else [charts.rule(at, f"knee: {at:.2g} threads", axis="x")],
        note="The knee is where the best fit of a line that rises and then is flat bends. Without one it rises to the end.",
    )


EXPERIMENT = Experiment(
    name="native-pool-sizing",
    title="How large should the native pool be?",
    order=2,
    expected_s=24,
    question="Does a larger native pool serve more, for work that computes and for work that waits?",
    prediction="""For hashing nothing is gained beyond two threads for each core: the second hides the moment in which
        the first waits for its next job, and all others only share the same cores. For calls that wait, throughput
        grows with the pool until something else is the limit.""",
    figures=_FIGURES,
    checks=(
        check("waiting calls, 64 threads ÷ 4", "waiting_gain", ">=", 8, "×"),
        check("hashing, eight threads a core ÷ two", "computing_gain", "<=", 1.5, "×"),
    ),
    advice="""Size a pool by what its work waits for. If the pool's queue is long and the cores are idle, grow it
        (`--threads`, or `NativePool.resize` while it runs). If the cores are busy, a larger pool only lets more jobs
        slow each other down: bound the queue instead, or move the work elsewhere.

        There is no right size for one pool with work of both kinds. Give each its own.""",
    collect=_collect,
    finding=_finding,
)
