"""Unit: each moment is booked once; time that no part claims is the loop's."""

from __future__ import annotations

from time import perf_counter

import pytest
import trio

from trio_lab.measure.ledger import LEDGER, PARTS, Ledger, Ledgers, booked


async def test_what_nobody_claims_is_the_loops(autojump_clock: trio.testing.MockClock) -> None:
    ledger = Ledger("GET /", now=trio.current_time)
    begun = trio.current_time()
    await trio.sleep(5)
    ledger.add("queue", begun + 1, begun + 2)
    ledger.add("run", begun + 2, begun + 4)
    ledger.close(sending=begun + 4.5)
    assert ledger.total == pytest.approx(5)
    assert ledger.parts == pytest.approx({"queue": 1, "run": 2, "send": 0.5, "loop": 1.5})


async def test_a_moment_that_two_claim_is_counted_once(autojump_clock: trio.testing.MockClock) -> None:
    ledger = Ledger("GET /", now=trio.current_time)
    begun = trio.current_time()
    ledger.add("run", begun - 7, begun + 2)  # nothing was before the begin
    ledger.add("run", begun + 1, begun + 3)
    ledger.add("queue", begun + 1, begun + 2)
    await trio.sleep(4)
    ledger.close()
    ledger.add("run", begun, begun + 9)  # by a thread that was left behind
    ledger.close()
    assert ledger.parts == pytest.approx({"run": 3, "loop": 1})


async def test_a_job_elsewhere_is_spawned_and_runs() -> None:
    ledger = Ledger("GET /", now=trio.current_time, made=perf_counter() - 1)
    handed_over, begun = trio.current_time(), perf_counter() + 0.02
    await trio.sleep(0.1)
    ledger.add_job(handed_over, begun, begun + 0.03)
    ledger.add_job(trio.current_time(), None, None)
    ledger.close()
    assert ledger.parts["accept"] >= 1
    assert ledger.parts["run"] == pytest.approx(0.03)
    assert ledger.parts["spawn"] >= 0.0199  # two clocks cannot be read at once
    assert sum(ledger.parts.values()) == pytest.approx(ledger.total)


async def test_a_block_is_booked_where_somebody_keeps_a_ledger() -> None:
    with booked("run"):
        pass  # no ledger is open
    ledger = Ledger("GET /", now=trio.current_time)
    LEDGER.set(ledger)
    with trio.move_on_after(0.01), booked("run"):
        await trio.sleep_forever()
    assert ledger.parts["run"] > 0
    LEDGER.set(None)


async def test_elsewhere_the_rest_is_divided_by_what_the_loop_slept(autojump_clock: trio.testing.MockClock) -> None:
    slept = 7.0
    ledgers = [
        Ledger("GET /", now=trio.current_time, rest="other", asleep=asleep)
        for asleep in (None, lambda: slept, lambda: 7.0)
    ]
    begun = trio.current_time()
    await trio.sleep(10)
    slept += 6
    for ledger in ledgers:
        ledger.add("run", begun + 1, begun + 5)
        ledger.close()
    assert [ledger.parts for ledger in ledgers] == [
        {"run": 4, "other": 6},
        {"run": 4, "other": 2, "loop": 4},
        {"run": 4, "other": 0, "loop": 6},
    ]


async def test_what_is_not_observed_is_not_told_as_zero(autojump_clock: trio.testing.MockClock) -> None:
    ledgers = Ledgers()
    ledgers.keep(Ledger("GET /", now=trio.current_time, rest="other"))
    [route] = ledgers.read(reset=False)
    assert (route.parts["loop"], route.parts["accept"]) == (None, None)
    assert list(route.as_json()["parts"]) == [*PARTS, "other"]


async def test_routes_are_told_by_cost_and_forgotten_on_reset(autojump_clock: trio.testing.MockClock) -> None:
    ledgers = Ledgers(most=2)
    for route, seconds in (("GET /a", 1), ("GET /b", 3), ("GET /c", 10), ("GET /d", 10), ("GET /b", 1)):
        ledger = Ledger(route, now=trio.current_time)
        await trio.sleep(seconds)
        ledgers.keep(ledger)
    routes = ledgers.read(reset=True)
    assert [(route.route, route.total.count) for route in routes] == [("(others)", 2), ("GET /b", 2), ("GET /a", 1)]
    assert ledgers.read(reset=False) == []
    told = routes[1].as_json()
    assert told["total_ms"]["mean"] == told["parts"]["loop"]["mean"] == 2000
    assert list(told["parts"]) == list(PARTS)
    assert told["parts"]["accept"] == "not observed"
    assert told["parts"]["queue"] | {"count": 0} == dict.fromkeys(told["parts"]["queue"], 0)
