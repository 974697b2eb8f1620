"""What runs in which order when much is asked for at once: promised orders, and the sets where nothing is promised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...http.runtimes import RUNTIMES, lack
from ...records.chart import Table
from ...records.check import Check
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment

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


def _arrows(entry: dict[str, Any]) -> str:
    return " → ".join(entry["order"])


def _unpredicted(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Every order of a promised demo that is not the predicted one, and every prediction nobody came to test."""
    for runtime, said in found.items():
        demos = {demo["name"]: demo for demo in said["demos"] if demo["promised"]}
        for name in demos.keys() | _PREDICTED[runtime].keys():
            seen = [_arrows(entry) for entry in demos[name]["orders"]] if name in demos else ["nothing"]
            yield from (order for order in seen if order != _PREDICTED[runtime].get(name))


def _kinds(said: dict[str, Any], *, promised: bool) -> list[int]:
    """How many orders each demo came out in."""
    return [len(demo["orders"]) for demo in said["demos"] if demo["promised"] is promised]


def _figures(found: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    batch = next(demo for demo in found["trio"]["demos"] if demo["name"] == _BATCH)
    figures: dict[str, float | None] = {
        "promised_demos": sum(len(_kinds(said, promised=True)) for said in found.values()),
        "promised_with_more_orders": sum(n > 1 for said in found.values() for n in _kinds(said, promised=True)),
        "orders_not_predicted": len(list(_unpredicted(found))),
        "trio_batch_orders": len(batch["orders"]),
        **dict.fromkeys(_ORDERS),
    }
    for runtime, said in found.items():
        figures |= {_orders_of(runtime, demo["name"]): len(demo["orders"]) for demo in said["demos"]}
    return figures


def _table(runtime: str, said: dict[str, Any]) -> Table:
    rows = []
    for demo in said["demos"]:
        shown = [f"{entry['count']}× {_arrows(entry)}" for entry in demo["orders"][:_MOST_SHOWN]]
        if more := len(demo["orders"]) - _MOST_SHOWN:
            shown += [f"and {more} more"] * (more > 0)
        rows.append((demo["name"], "yes" if demo["promised"] else "no", "; ".join(shown), demo["why"]))
    return charts.table(f"Orders seen on {runtime}", ("asked for", "promised", "orders seen", "why"), rows)


async def _collect(stage: Stage) -> Collected:
    trials = _QUICK_TRIALS if stage.quick else _TRIALS
    found: dict[str, dict[str, Any]] = {}
    for runtime in RUNTIMES:
        if (why := lack(runtime)) is not None:
            stage.notes.append(f"{runtime} is missing: {why}")
            continue
        found[runtime] = await stage.answer("order", runtime, "--trials", trials)
    figures = _figures(found)
    loose = {runtime: max(_kinds(said, promised=False)) for runtime, said in found.items()}
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "Orders that one demo came out in",
                "bar",
                "runtime",
                "orders, the most of any demo",
                [
                    charts.series(
                        "promised", [(r, max(_kinds(said, promised=True))) for r, said in found.items()], role="good"
                    ),
                    charts.series("not promised", list(loose.items()), role="neutral"),
                ],
                categories=True,
                note=f"Each demo ran {trials} times; where it needs a process of its own, a quarter of that.",
            ),
        ),
        first_full=None,
        finding=(
            f"Of {figures['promised_demos']} demos with a promised order {figures['promised_with_more_orders']} came out "
            f"in more than one, and {figures['orders_not_predicted']} orders were not the predicted ones. Four tasks that "
            f"Trio was given together ran in {figures['trio_batch_orders']} orders. Where nothing is promised, one demo "
            f"came out in so many orders at most: {', '.join(f'{n} on {runtime}' for runtime, n in loose.items())}."
        ),
        tables=tuple(_table(runtime, said) for runtime, said in found.items()),
    )


EXPERIMENT = Experiment(
    name="callback-order",
    title="What runs first",
    order=12,
    expected_s=6,
    question="When much is asked for in one step, what runs in which order, and what of that is promised?",
    prediction=(
        "What is promised comes out as one order, every time, and as the predicted one. On Node that is sync code, then "
        "`nextTick`, then microtasks, then immediates and timers (in an ES module microtasks come before `nextTick`); on "
        "asyncio one queue, first in, first out. Trio promises next to nothing: four tasks started together come in more "
        "than one order."
    ),
    figures=("promised_demos", "promised_with_more_orders", "orders_not_predicted", "trio_batch_orders", *_ORDERS),
    checks=(
        Check(
            claim="demos with a promised order that came out in more than one",
            figure="promised_with_more_orders",
            relation="<=",
            bound=0,
        ),
        Check(
            claim="orders of these demos that are not the predicted one",
            figure="orders_not_predicted",
            relation="<=",
            bound=0,
        ),
        Check(
            claim="orders of four tasks that Trio was given together",
            figure="trio_batch_orders",
            relation=">=",
            bound=2,
        ),
    ),
    advice=(
        "Rely on an order only where it is promised. Where one thing must come before another, say so: await it, or hand it "
        "over through an `Event`, a channel, a queue. An order that has only been seen every time is not promised: the next "
        "release, another thread or a busy machine may turn it round.\n\n"
        "Trio turns half of its batches round on purpose, so a program that relies on an order fails in its tests and not "
        "years later."
    ),
    collect=_collect,
    across=True,
    lab=False,
)
