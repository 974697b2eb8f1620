"""A hundred clients, and nobody tells the server how long they wait.

Varied: the patience of the clients. They wait 0.3, 1 or 3 seconds; or a third of them each; or each request has a patience
of its own, drawn from an exponential distribution with a mean of a second. Held fixed: the stock settings, the number of
clients, and hashes sized so that the server can answer 40 a second, so the queue is longer than any of these can wait for.

Every case has a server of its own, so it begins without knowing anything; the first seconds do not count, in which it learns.
Capacity is measured in the same round. What is lost goes to refusals and to clients that leave: each costs CPU on both sides,
and there are up to 300 a second at 0.3 s. An exponential patience is often shorter than the service itself, so some loss
cannot be avoided there. The control has the order and the timeout that were the default before: first come, first served,
for 2 seconds at most, which serves clients of one second just when they leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from ...records.chart import Chart, Table
from ...records.figures import Measures, check, compared, measured
from ...records.load import LoadResult
from ...stage.crowd import CLIENTS, KINDS, capacity, crowd, fifo
from ...stage.stage import Stage
from ...stage.turns import Contestant
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import expected, stock_path

_LEARNING = 1.5  # seconds that do not count
_ABLE, _COUNTED = 2.0, 3.0  # seconds of a quick run: of the capacity, and of each crowd after that
_LONGEST = 3.0  # the longest patience: nobody leaves before
_CROWDS = 1 + len(KINDS)  # and the control


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    capacity: float
    control: LoadResult
    kinds: dict[str, LoadResult]

    def share(self, run: LoadResult) -> float:
        return (run.goodput_in(_LEARNING) or 0.0) / self.capacity

    def refused(self, kind: str) -> float:
        counts = self.kinds[kind].requests
        return counts.shed / counts.sent


_FIGURES: Measures[_Found] = {
    "capacity_rps": lambda found: found.capacity,
    "share_short": lambda found: found.share(found.kinds["0.3 s"]),
    "share_second": lambda found: found.share(found.kinds["1 s"]),
    "share_long": lambda found: found.share(found.kinds["3 s"]),
    "share_mixed": lambda found: found.share(found.kinds["mixed"]),
    "share_drawn": lambda found: found.share(found.kinds["exponential"]),
    "control_share": lambda found: found.share(found.control),
    "refused_long": lambda found: found.refused("3 s"),
    "unserved_short": lambda found: found.kinds["0.3 s"].unserved,
    "client_cpu": lambda found: max(run.generator.cpu_share for run in found.kinds.values()),
}


async def _collect(stage: Stage) -> Collected:
    path = await stock_path(stage)
    seconds = _LEARNING + max(1.0, stage.seconds(6, quick=_COUNTED))
    clients = partial(crowd, stage, path, connections=CLIENTS)
    turns: dict[str, Contestant[Any]] = {
        "capacity": partial(capacity, stage, path, seconds=stage.seconds(4, quick=_ABLE)),
        "control": partial(clients, *fifo(stage.runtime), duration=seconds, leave_after=KINDS["1 s"]),
        **{
            name: partial(clients, duration=seconds + (_LONGEST if name == "3 s" else 0.0), leave_after=kind)
            for name, kind in KINDS.items()
        },
    }
    runs = await stage.once(turns)
    found = _Found(capacity=runs.pop("capacity"), control=runs.pop("control"), kinds=runs)
    return Collected(figures=measured(_FIGURES, found), charts=(_chart(found),), tables=(_table(found),))


def _chart(found: _Found) -> Chart:
    return charts.bars(
        "Goodput ÷ capacity, by the clients' patience",
        ("patience", "goodput ÷ capacity"),
        [
            ("stock settings", [(name, found.share(run)) for name, run in found.kinds.items()], "good"),
            ("first come, first served, 2 s", [("1 s", found.share(found.control))], "bad"),
        ],
        note=f"{CLIENTS} clients that come again at once.",
    )


def _table(found: _Found) -> Table:
    runs = {**found.kinds, "1 s (control)": found.control}
    return Table(
        title="What became of the requests",
        columns=("patience", "ok", "refused", "left", "never served, of 100 clients", "the client's CPU, of a core"),
        rows=tuple(
            (
                name,
                run.requests.ok,
                run.requests.shed,
                run.requests.timed_out,
                run.unserved,
                round(run.generator.cpu_share, 2),
            )
            for name, run in runs.items()
        ),
    )


def _finding(found: Reading) -> str:
    return f"""Of a capacity of {found.said("capacity_rps", "replies/s")} clients that wait 1 s got
        {found.said("share_second", "×")} in time, those that wait 0.3 s {found.said("share_short", "×")}, those that wait 3 s
        {found.said("share_long", "×")}; mixed {found.said("share_mixed", "×")}, by chance {found.said("share_drawn", "×")}.
        First come, first served left {found.said("control_share", "×")} at 1 s."""


EXPERIMENT = Experiment(
    name="unknown-patience",
    title="Patience that nobody knows",
    order=30,
    expected_s=expected(load=_ABLE + _CROWDS * (_LEARNING + _COUNTED) + _LONGEST, servers=1 + _CROWDS),
    question="How much of the capacity is useful when nobody tells the server how long its clients wait?",
    prediction="""The server learns it from the clients that leave. So nearly all of the capacity stays useful at every
        patience, with the same settings; clients that would wait long enough are not refused. The fixed timeout of the
        control fits one patience, and not this one.""",
    figures=_FIGURES,
    checks=(
        check("goodput ÷ capacity, patience 1 s", "share_second", ">=", 0.8, "×"),
        check("goodput ÷ capacity, patience 0.3 s", "share_short", ">=", 0.7, "×"),
        check("goodput ÷ capacity, patience 3 s", "share_long", ">=", 0.85, "×"),
        check("goodput ÷ capacity, mixed", "share_mixed", ">=", 0.75, "×"),
        check("goodput ÷ capacity, exponential", "share_drawn", ">=", 0.7, "×"),
        check("share refused, patience 3 s", "refused_long", "<=", 0.05),
        check("goodput ÷ capacity, first come, first served", "control_share", "<", 0.6, "×"),
    ),
    advice="""Do not guess how long callers wait: a timeout that is longer makes the server work for callers that have left,
        and one that is shorter refuses those that would have waited. Leave the default discipline on.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("share_second", "goodput ÷ capacity, patience 1 s", "×", "higher"),
        compared("share_short", "goodput ÷ capacity, patience 0.3 s", "×", "higher"),
        compared("share_long", "goodput ÷ capacity, patience 3 s", "×", "higher"),
    ),
    lab=False,
    comparison=False,
)
