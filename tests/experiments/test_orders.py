"""callback-order on whatever runtimes there are, and the figures that refute it."""

from __future__ import annotations

from trio_lab.experiments.cases import callback_order
from trio_lab.experiments.runner import run_experiments
from trio_lab.http.runtimes import RUNTIMES, lack
from trio_lab.report.page import render
from trio_lab.subjects.answers import Demo, Orders, SeenOrder


async def test_orders_come_out_as_predicted_and_are_shown() -> None:
    results = await run_experiments(("callback-order",), quick=True)
    (result,) = results.experiments
    assert not result.failed, result.finding
    assert result.outcome == "confirmed", result.evidence.checks
    present = [runtime for runtime in RUNTIMES if lack(runtime) is None]
    assert [table.title for table in result.evidence.tables] == [f"Orders seen on {name}" for name in present]
    assert len(result.notes) == len(RUNTIMES) - len(present)
    page = render(results)
    assert page.count("<h3>Orders seen on ") == len(present)
    assert "sync code → task" in page


def test_another_order_than_predicted_is_counted() -> None:
    def demo(name: str, promised: bool, *orders: str) -> Demo:
        seen = tuple(SeenOrder(order=tuple(order.split(" → ")), count=1) for order in orders)
        return Demo(name=name, promised=promised, orders=seen, why="")

    predicted = callback_order._PREDICTED["asyncio"]
    as_predicted = [demo(name, True, order) for name, order in predicted.items()]
    loose = demo("four timers", False, "a → b", "b → a")

    def unpredicted(*demos: Demo) -> list[str]:
        return list(callback_order._unpredicted({"asyncio": Orders(runtime="asyncio", demos=(*demos, loose))}))

    assert unpredicted(*as_predicted) == []
    first, *rest = as_predicted
    assert unpredicted(demo(first.name, True, "x → y", predicted[first.name]), *rest) == ["x → y"]
    assert unpredicted(*rest) == ["nothing"]
    assert unpredicted(*as_predicted, demo("a new one", True, "x → y")) == ["x → y"]
