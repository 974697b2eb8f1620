"""From half of what a server can serve to ten times as much.

Varied: the rate of an open workload, in units of the capacity that is measured in the same round; and the order of service,
stock settings against what was the default before (first come, first served, for 2 seconds at most). Held fixed: clients that
leave after a second, hashes sized for 40 a second on this machine. Every point has a server of its own.

Clients do not come again, so the offered load is what it is called. The first two seconds do not count: a server that knows
nothing yet has to see clients leave. At ten times the capacity each of 400 requests a second costs some CPU, whether it is
refused or its client leaves, on the server and in the load generator beside it. That is the ceiling, and why the bound is not
higher. Half the capacity is there to catch a server that refuses needlessly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...records.chart import Chart
from ...records.figures import Measures, check, compared, measured
from ...records.load import LoadResult
from ...stage.crowd import capacity, crowd, fifo
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import expected, stock_path

_PATIENCE = 1.0
_LEARNING = 2.0  # seconds that do not count
_ABLE, _COUNTED = 2.0, 2.0  # seconds of a quick run: of the capacity, and of each load after that
_CONNECTIONS = 1000  # more than can be in flight at the highest rate
_LOADS = (0.5, 1.0, 2.0, 5.0, 10.0)
_OLD_LOADS = (0.5, 2.0, 10.0)
_POINTS = len(_LOADS) + len(_OLD_LOADS)

Point = tuple[str, float]
"""Stock or fifo, and the offered load in units of the capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    capacity: float
    points: dict[Point, LoadResult]

    def share(self, kind: str, load: float) -> float:
        return (self.points[kind, load].goodput_in(_LEARNING) or 0.0) / self.capacity

    def curve(self, kind: str) -> list[tuple[float, float]]:
        return [(load, self.share(name, load)) for name, load in self.points if name == kind]


_FIGURES: Measures[_Found] = {
    "capacity_rps": lambda found: found.capacity,
    "half_share": lambda found: found.share("stock", 0.5) / 0.5,
    "twice_share": lambda found: found.share("stock", 2.0),
    "tenfold_share": lambda found: found.share("stock", 10.0),
    "old_half_share": lambda found: found.share("fifo", 0.5) / 0.5,
    "old_twice_share": lambda found: found.share("fifo", 2.0),
    "old_tenfold_share": lambda found: found.share("fifo", 10.0),
    "refused_p99_ms": lambda found: found.points["stock", 10.0].shed.p99 * 1e3,
    "client_cpu": lambda found: found.points["stock", 10.0].generator.cpu_share,
}


async def _collect(stage: Stage) -> Collected:
    path = await stock_path(stage)
    able = await capacity(stage, path, seconds=stage.seconds(4, quick=_ABLE))
    seconds = _LEARNING + max(1.0, stage.seconds(6, quick=_COUNTED))
    flags: dict[str, tuple[str, ...]] = {"stock": (), "fifo": fifo(stage.runtime)}
    points = [("stock", load) for load in _LOADS] + [("fifo", load) for load in _OLD_LOADS]
    runs = await stage.once(
        {
            (kind, load): partial(
                crowd,
                stage,
                path,
                *flags[kind],
                connections=_CONNECTIONS,
                duration=seconds,
                rate=load * able,
                leave_after=_PATIENCE,
            )
            for kind, load in points
        }
    )
    found = _Found(capacity=able, points=runs)
    return Collected(figures=measured(_FIGURES, found), charts=(_chart(found),))


def _chart(found: _Found) -> Chart:
    return charts.chart(
        "Goodput against offered load",
        "line",
        ("offered load ÷ capacity", "goodput ÷ capacity"),
        [
            ("stock settings", found.curve("stock"), "good"),
            ("first come, first served, 2 s", found.curve("fifo"), "bad"),
        ],
        rules=[charts.rule(1.0, "capacity")],
        note=f"Open workload; clients leave after {_PATIENCE:g} s.",
    )


def _finding(found: Reading) -> str:
    return f"""Capacity was {found.said("capacity_rps", "replies/s")}. At ten times as much
        {found.said("tenfold_share", "×")} of it came in time, at twice as much {found.said("twice_share", "×")}; first come,
        first served gave {found.said("old_tenfold_share", "×")} and {found.said("old_twice_share", "×")}. At half the
        capacity {found.said("half_share", "×")} of the requests were answered in time."""


EXPERIMENT = Experiment(
    name="overload",
    title="Goodput against offered load",
    order=31,
    expected_s=expected(load=_ABLE + _POINTS * (_LEARNING + _COUNTED), servers=1 + _POINTS),
    question="How much useful work is left when ten times as much is asked for as can be served?",
    prediction="""Goodput follows the load up to the capacity and stays near it, however much more comes. First come, first
        served falls instead: every client is served just when it leaves.""",
    figures=_FIGURES,
    checks=(
        check("goodput ÷ capacity at ten times the capacity", "tenfold_share", ">=", 0.7, "×"),
        check("goodput ÷ capacity at twice the capacity", "twice_share", ">=", 0.8, "×"),
        check("answered in time, of the requests at half the capacity", "half_share", ">=", 0.9, "×"),
        check("goodput ÷ capacity at ten times, first come, first served", "old_tenfold_share", "<", 0.5, "×"),
    ),
    advice="""Plan for more than you can serve: what a service does at ten times its capacity is decided by its queue, and by
        what a refusal costs. Leave the default discipline on, and put `trio_lab.asgi.admission` in front of apps that have no
        bound of their own.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("tenfold_share", "goodput ÷ capacity at ten times the capacity", "×", "higher"),
        compared("twice_share", "goodput ÷ capacity at twice the capacity", "×", "higher"),
        compared("half_share", "answered in time at half the capacity", "×", "higher"),
    ),
    lab=False,
    comparison=False,
)
