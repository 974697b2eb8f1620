"""What runs in which order when much is asked for at once: promised orders, and the sets where nothing is promised.

Varied: what is scheduled in one step, and the runtime. Every demo is played many times; where a fresh process is needed
for each, a quarter as often. No server, no load. An order is promised when the runtime's documents or its design fix it;
each was written down below before the run.

A promise that is broken once is no promise: both bounds are 0. Trio reverses half of its batches, so 48 plays the same
way have a chance of 1 in 2⁴⁷: at least two orders. An order seen every time where none is promised would still prove
nothing, so those are shown and not judged. A runtime that is missing is left out, and noted.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...http.runtimes import RUNTIMES, lack
from ...records.chart import Table
from ...records.figures import Measures, check, measured
from ...stage.ask import ask
from ...stage.stage import Stage
from ...subjects.answers import Demo, Orders, SeenOrder
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_TRIALS, _QUICK_TRIALS = 160, 48  # of one demo; where a fresh process is needed, a quarter of them
_MOST_SHOWN = 4  # orders of one demo in the table

_BATCH = "four tasks started together"
# What each demo is predicted to come out as.
_PREDICTED: dict[str, dict[str, str]] = {
    "trio": {
        "sync code and a started task": "sync code → task",
        "callbacks of run_sync_soon": "sync code → a → b → c",
        "two tasks of three steps": "step 1 → step 1 → step 2 → step 2 → step 3 → step 3",
        "a deadline that has already passed": "sync code in the scope → cancelled at the checkpoint → after the scope",
        "tasks waiting for a Lock": "first → second → third",
    },
    "asyncio": {
        "five ways to run soon, asked for in one step": (
            "sync code → call_soon → create_task → callback of a done future → call_soon_threadsafe → after sleep(0)"
        ),
        "await of a future that is done": "after await of a done future → call_soon",
        "tasks waiting for a Lock": "first → second → third",
    },
    "node": {
        "a main script (CommonJS)": "sync code → nextTick → queueMicrotask → promise",
        "the same lines as an ES module": "sync code → queueMicrotask → promise → nextTick",
        "inside an I/O callback": "sync code → nextTick → promise → queueMicrotask → setImmediate → setTimeout 0",
        "queues that fill each other": (
            "nextTick → nextTick from the nextTick → promise → microtask from the promise → nextTick from the promise"
        ),
        "an immediate that asks for another": "immediate a → nextTick from a → immediate b → immediate from a",
    },
}
# Demos without an order of their own.
_UNPROMISED: dict[str, tuple[str, ...]] = {
    "trio": (_BATCH, "a task, a callback and sleep(0), asked for in one step"),
    "asyncio": ("a timer of zero", "four timers of the same moment", "a callback from another thread"),
    "node": ("a timer, an immediate and a file, from a main script",),
}


def _orders_of(runtime: str, demo: str) -> str:
    """The name of the figure that has a demo's number of orders."""
    return f"{runtime}: {demo}, orders"


_ORDERS = tuple(
    _orders_of(runtime, demo) for runtime in RUNTIMES for demo in (*_PREDICTED[runtime], *_UNPROMISED[runtime])
)


def _arrows(seen: SeenOrder) -> str:
    return " → ".join(seen.order)


def _unpredicted(found: dict[str, Orders]) -> Iterator[str]:
    """Every order of a promised demo that is not the predicted one; "nothing" for a prediction without its demo."""
    for runtime, orders in found.items():
        demos = {demo.name: demo for demo in orders.demos if demo.promised}
        for name in demos.keys() | _PREDICTED[runtime].keys():
            seen = [_arrows(one) for one in demos[name].orders] if name in demos else ["nothing"]
            yield from (order for order in seen if order != _PREDICTED[runtime].get(name))


def _counts(found: Orders, *, promised: bool) -> list[int]:
    """How many orders each demo came out in."""
    return [len(demo.orders) for demo in found.demos if demo.promised is promised]


def _promised(found: dict[str, Orders]) -> list[int]:
    return [count for orders in found.values() for count in _counts(orders, promised=True)]


_FIGURES: Measures[dict[str, Orders]] = {
    "promised_demos": lambda found: len(_promised(found)),
    "promised_with_more_orders": lambda found: sum(count > 1 for count in _promised(found)),
    "orders_not_predicted": lambda found: len(list(_unpredicted(found))),
    "trio_batch_orders": lambda found: next(len(one.orders) for one in found["trio"].demos if one.name == _BATCH),
}


def _row(demo: Demo) -> tuple[str, ...]:
    shown = [f"{seen.count}× {_arrows(seen)}" for seen in demo.orders[:_MOST_SHOWN]]
    if (more := len(demo.orders) - _MOST_SHOWN) > 0:
        shown.append(f"and {more} more")
    return demo.name, "yes" if demo.promised else "no", "; ".join(shown), demo.why


def _table(found: Orders) -> Table:
    columns = ("asked for", "promised", "orders seen", "why")
    return charts.table(f"Orders seen on {found.runtime}", columns, map(_row, found.demos))


async def _collect(stage: Stage) -> Collected:
    trials = stage.rounds(_TRIALS, quick=_QUICK_TRIALS)
    found: dict[str, Orders] = {}
    for runtime in RUNTIMES:
        if (why := lack(runtime)) is not None:
            stage.notes.append(f"{runtime} is missing: {why}")
            continue
        found[runtime] = await ask(Orders, runtime, "--trials", trials)
    figures = measured(_FIGURES, found)
    orders_of = {
        _orders_of(runtime, demo.name): len(demo.orders) for runtime, orders in found.items() for demo in orders.demos
    }
    tight, loose = (
        {runtime: max(_counts(orders, promised=promised)) for runtime, orders in found.items()}
        for promised in (True, False)
    )
    return Collected(
        figures=figures | dict.fromkeys(_ORDERS) | orders_of,
        charts=(
            charts.bars(
                "Orders that one demo came out in",
                ("runtime", "orders, the most of any demo"),
                [("promised", tight.items(), "good"), ("not promised", loose.items(), "neutral")],
                note=f"Each demo ran {trials} times; where it needs a process of its own, a quarter of that.",
            ),
        ),
        tables=tuple(map(_table, found.values())),
    )


def _finding(found: Reading) -> str:
    return f"""Demos with a promised order: {found.said("promised_demos")}; of these came out in several:
        {found.said("promised_with_more_orders")}; orders that are not the predicted ones: {found.said("orders_not_predicted")}.
        Four tasks that Trio was given together ran in so many orders: {found.said("trio_batch_orders")}."""


EXPERIMENT = Experiment(
    name="callback-order",
    title="What runs first",
    order=12,
    expected_s=6,
    question="When one step schedules several things, in which order do they run, and which orders are guaranteed?",
    prediction="""What is promised comes out as one order, every time, and as the predicted one. On Node that is sync
        code, then `nextTick`, then microtasks, then immediates and timers (in an ES module microtasks come before
        `nextTick`); on asyncio one queue, first in, first out. Trio promises very little: four tasks started together
        run in more than one order.""",
    figures=(*_FIGURES, *_ORDERS),
    checks=(
        check(
            "demos with a promised order that came out in more than one",
            "promised_with_more_orders",
            "<=",
            0,
            exact=True,
        ),
        check("orders of these demos that are not the predicted one", "orders_not_predicted", "<=", 0, exact=True),
        check("orders of four tasks that Trio was given together", "trio_batch_orders", ">=", 2, exact=True),
    ),
    advice="""Rely on an order only where it is promised. Where one thing must come before another, say so: await it, or
        hand it over through an `Event`, a channel, a queue. An order that has only been seen every time is not
        promised: the next release, another thread or a busy machine may change it.

        Trio reverses half of its batches on purpose, so a program that relies on an order fails in its tests and not
        years later.""",
    collect=_collect,
    finding=_finding,
    across=True,
    lab=False,
)
