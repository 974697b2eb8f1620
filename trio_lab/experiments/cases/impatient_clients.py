"""A hundred clients that wait 0.6 seconds, at a server that can serve half of them in that time.

Varied: the stock settings, which nobody told of the patience, against the naive profile without bound or timeout. Held fixed:
the clients and their patience, four threads, hashes sized for 90 a second on this machine. In every round the capacity is
measured too, and both goodputs are judged by it. Goodput counts from twice the patience on: until the first no client has had
a reason to leave, and until the second the server learns from those that do.

Refusing costs little, so 0.7 of the capacity should stay useful: a tenth is for over a hundred refusals a second and for
replies that just miss, and a fifth is what two short phases differ by. "Collapse" must mean that more than half is lost:
under 0.5. The control runs at a server of its own, else it would go on working through its queue beside what is measured
next. So does the capacity: if the bulkhead did not bound its queue, what it left behind would lower the capacity too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...records.figures import Measures, check, compared, measured
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import hash_path

_CLIENTS = 100
_PATIENCE = 0.6
_CAPACITY = 90  # replies per second the hash is sized for: the clients want more than twice that
_THREADS = 4
_INTERVAL = 0.2  # seconds to a row of the series
_LEARNING = 2 * _PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    capacity: Loaded
    bulkhead: Loaded
    control: Loaded

    def share(self, run: Loaded) -> float | None:
        capacity = self.capacity.load.goodput_in(0.0)
        return _goodput(run) / capacity if capacity else None


def _goodput(run: Loaded) -> float:
    """Replies in time per second, after the server had time to learn."""
    return run.load.goodput_in(_LEARNING) or 0.0


def _curve(run: Loaded) -> list[tuple[float, float]]:
    """Goodput over time, in replies per second."""
    whole = int(run.load.duration / _INTERVAL + 1e-6)
    return [(row.start, row.ok / _INTERVAL) for row in run.load.series[:whole]]


_FIGURES: Measures[_Found] = {
    "capacity_rps": lambda found: found.capacity.load.goodput_in(0.0),
    "bulkhead_share": lambda found: found.share(found.bulkhead),
    "control_share": lambda found: found.share(found.control),
    "bulkhead_goodput_rps": lambda found: _goodput(found.bulkhead),
    "control_goodput_rps": lambda found: _goodput(found.control),
    "bulkhead_shed_rps": lambda found: found.bulkhead.load.requests.shed / found.bulkhead.load.duration,
    "bulkhead_left": lambda found: found.bulkhead.load.requests.timed_out,
    "control_left": lambda found: found.control.load.requests.timed_out,
    "bulkhead_wasted": lambda found: found.bulkhead.wasted("native_pool"),
    "control_wasted": lambda found: found.control.wasted("native_pool"),
    "health_p99_ms": lambda found: found.bulkhead.health_p99_ms,
}


async def _capacity(stage: Stage, server: Server, path: str) -> Loaded:
    """A closed workload just large enough to keep the pool busy, whose clients do not leave."""
    return await stage.loaded(
        server, path, connections=8, duration=max(1.0, stage.seconds(4, quick=1)), interval=_INTERVAL
    )


async def _impatient(stage: Stage, server: Server, path: str, quick: float) -> Loaded:
    seconds = _LEARNING + max(stage.seconds(5, quick=quick), _PATIENCE)
    return await stage.loaded(
        server, path, connections=_CLIENTS, duration=seconds, leave_after=_PATIENCE, interval=_INTERVAL
    )


async def _control(stage: Stage, path: str) -> Loaded:
    async with stage.server("--threads", str(_THREADS), "--profile", "naive", "--grace", "0.2") as naive:
        return await _impatient(stage, naive, path, 0.6)


async def _collect(stage: Stage) -> Collected:
    path = await hash_path(stage, per_second=_CAPACITY, threads=_THREADS)
    guarded = await stage.kept("--threads", str(_THREADS), "--grace", "0.2")
    await stage.first("warm", partial(guarded.fetch, path))  # its first request is slower than the others
    unloaded = await stage.kept("--threads", str(_THREADS))
    turns = {
        "capacity": partial(_capacity, stage, unloaded, path),
        "bulkhead": partial(_impatient, stage, guarded, path, 0.8),
        "control": partial(_control, stage, path),
    }
    found = _Found(**await stage.once(turns))
    capacity = found.capacity.load.goodput_in(0.0) or 0.0
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.chart(
                "Goodput over time",
                "line",
                ("seconds since the load began", "replies in time, per second"),
                [
                    ("with bulkhead", _curve(found.bulkhead), "good"),
                    ("without (control)", _curve(found.control), "bad"),
                ],
                rules=[charts.rule(capacity, f"capacity {capacity:.0f}/s")],
                note=f"{_CLIENTS} clients; each leaves after {_PATIENCE:g} s and comes again.",
            ),
        ),
        loads=[found.control.step],
    )


def _finding(found: Reading) -> str:
    return f"""Capacity was {found.said("capacity_rps", "replies/s")}. With the bulkhead {found.said("bulkhead_share", "×")}
        of it came in time, without it {found.said("control_share", "×")}. /health p99 was
        {found.said("health_p99_ms", "ms")} beside the bulkhead's refusals."""


EXPERIMENT = Experiment(
    name="impatient-clients",
    title="Clients that leave",
    order=6,
    expected_s=46,
    question="How much useful work is left when more clients come than can be served before they leave?",
    prediction="""The pool learns how long clients wait, a client that leaves frees its place, and nearly all of the
        capacity stays useful. The control has neither, like the servers of the articles: its queue grows longer than
        the clients' patience, it works for clients that have left, and the goodput collapses although it is as busy as
        before.""",
    figures=_FIGURES,
    checks=(
        check("goodput ÷ capacity with the bulkhead", "bulkhead_share", ">=", 0.7, "×"),
        check("goodput ÷ capacity without it", "control_share", "<", 0.5, "×"),
    ),
    advice="""Let every queue serve those who will still be there: a reply that comes after its client has left is wasted
        work, and a fixed timeout (`--queue-timeout`) fits only the patience that it was chosen for. Free the place of a client
        that leaves at once, which Trio's cancellation does, and answer 503 with Retry-After to those that must come again.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("bulkhead_share", "goodput ÷ capacity, guarded", "×", "higher"),
        compared("control_share", "goodput ÷ capacity, naive", "×", "higher"),
        compared("bulkhead_wasted", "work for clients that left, guarded", "of all", "lower"),
        compared("control_wasted", "work for clients that left, naive", "of all", "lower"),
        compared("health_p99_ms", "/health p99 beside the refusals", "ms", "lower"),
    ),
)
