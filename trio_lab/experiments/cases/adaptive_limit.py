"""A native pool that finds its own size, from one thread and from thirty for each core, beside sizes that stay.

Varied: the number of threads, fixed or adaptive, and where an adaptive one begins. Held fixed: hashes of 10 ms of a core, and
100 clients that leave after a quarter of a second and come again, so there is always more to do than can be done. With
thirty threads a core a hash takes 300 ms, which is longer than its client waits; with one thread, cores are idle. Each
adaptive server gets some seconds of load before the first round, in which it learns; it goes on learning in the rounds.

What is compared with is the best of two fixed sizes, one and two threads a core, in the same round. A limit that compares gives
up two percent for it, and more as long as it still learns; two short phases differ by a fifth. So 0.8 is asked. The control
begins at thirty threads a core and stays there: less than half.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...cores import usable_cores
from ...records.chart import Chart
from ...records.figures import Measures, check, measured
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.turns import Contestant
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import rounds_of

_CORES = usable_cores()
_HASH = 0.01  # seconds of a core
_PATIENCE = 0.25
_CLIENTS = 100
_SETTLED = 0.3  # seconds of a phase that do not count: every client has come at the same moment
_FIXED = (_CORES, 2 * _CORES)
_MANY = 30 * _CORES
_ADAPTIVE = {"from one": 1, "from many": _MANY}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """Replies in time per second, and the threads at the end of it."""

    goodput: float
    threads: int


Phases = dict[str, _Phase]


def _fixed(size: int) -> str:
    return f"fixed {size}"


def _best(found: Phases) -> float:
    return max(found[_fixed(size)].goodput for size in _FIXED)


def _share(of: str, found: Phases) -> float | None:
    best = _best(found)
    return found[of].goodput / best if best else None


_FIGURES: Measures[Phases] = {
    "best_fixed_rps": _best,
    "from_one_share": partial(_share, "from one"),
    "from_many_share": partial(_share, "from many"),
    "control_share": partial(_share, "control"),
    "from_one_threads": lambda found: found["from one"].threads,
    "from_many_threads": lambda found: found["from many"].threads,
    "control_threads": lambda found: found["control"].threads,
}


async def _phase(stage: Stage, server: Server, path: str, seconds: float) -> _Phase:
    load = await stage.load(
        server.url + path, connections=_CLIENTS, duration=seconds, leave_after=_PATIENCE, interval=0.1
    )
    threads = (await server.health()).queue("native_pool").capacity
    return _Phase(goodput=load.goodput_in(_SETTLED) or 0.0, threads=threads or 0)


async def _path(stage: Stage) -> str:
    async with stage.server() as server:
        return f"/hash?rounds={await rounds_of(server, _HASH)}"


async def _collect(stage: Stage) -> Collected:
    path = await stage.first("path", partial(_path, stage))
    sizes = {_fixed(size): size for size in _FIXED} | {"control": _MANY}
    turns: dict[str, Contestant[_Phase]] = {}
    for name, size in (sizes | _ADAPTIVE).items():
        adaptive = ("--limit", "adaptive") if name in _ADAPTIVE else ()
        server = await stage.kept("--threads", str(size), *adaptive)
        if adaptive:
            learn = partial(_phase, stage, server, path, max(5.0, stage.seconds(25, quick=14)))
            await stage.first(f"learn {name}", learn)
        turns[name] = partial(_phase, stage, server, path, max(1.0, stage.seconds(6, quick=1.2)))
    found = await stage.once(turns)
    return Collected(figures=measured(_FIGURES, found), charts=(_chart(found),))


def _chart(found: Phases) -> Chart:
    return charts.bars(
        "Goodput by the number of threads",
        ("threads", "replies in time, per second"),
        [
            ("fixed", [(str(size), found[_fixed(size)].goodput) for size in _FIXED], None),
            ("adaptive", [(f"begun with {size}", found[name].goodput) for name, size in _ADAPTIVE.items()], "good"),
            ("fixed, too many (control)", [(str(_MANY), found["control"].goodput)], "bad"),
        ],
        note=f"{_CLIENTS} clients; each leaves after {_PATIENCE:g} s and comes again.",
    )


def _finding(found: Reading) -> str:
    return f"""The best fixed number of threads served {found.said("best_fixed_rps", "replies/s")} in time. Begun with one
        thread, the adaptive pool came to {found.said("from_one_threads")} and served {found.said("from_one_share", "×")} of it;
        begun with {_MANY}, it came to {found.said("from_many_threads")} and served {found.said("from_many_share", "×")}. With
        {_MANY} fixed threads it was {found.said("control_share", "×")}."""


EXPERIMENT = Experiment(
    name="adaptive-limit",
    title="A pool that finds its own size",
    order=34,
    expected_s=85,
    question="Does a native pool with an adaptive limit serve as much as one of the right size?",
    prediction="""It compares service times and throughput a little below and a little above its number of threads, and
        comes to the number at which more threads only slow each other down, from one thread and from thirty for each
        core. Thirty threads a core that stay make every hash take longer than its client waits.""",
    figures=_FIGURES,
    checks=(
        check("goodput, begun with one thread ÷ the best fixed", "from_one_share", ">=", 0.8, "×"),
        check("goodput, begun with thirty threads a core ÷ the best fixed", "from_many_share", ">=", 0.8, "×"),
        check("goodput, thirty threads a core that stay ÷ the best fixed", "control_share", "<", 0.5, "×"),
    ),
    advice="""Where you do not know how many calls something takes at once, or it changes, let a limit find out:
        `Bulkhead(…, limit="adaptive")`, `open_native_pool(limit="adaptive")` or `trio-lab serve --limit adaptive`. Where
        you know the number, say it.""",
    collect=_collect,
    finding=_finding,
    lab=False,
    comparison=False,
)
