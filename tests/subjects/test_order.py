"""Orders: what is promised comes out alone, and Trio's batches come out both ways round."""

from __future__ import annotations

import os
import subprocess

import pytest

from trio_lab.subjects.answers import Demo, Orders, SeenOrder
from trio_lab.subjects.orders import Order, Scenes

from .programs import EVERY_RUNTIME, answer, command, said


@pytest.mark.parametrize("runtime", EVERY_RUNTIME)
def test_what_is_promised_comes_out_in_one_order(runtime: str) -> None:
    demos = answer(Orders, runtime, "--trials", "24").demos
    assert any(demo.promised for demo in demos)
    assert not all(demo.promised for demo in demos)
    for demo in demos:
        assert not demo.promised or len(demo.orders) == 1, demo
        assert sum(seen.count for seen in demo.orders) >= 2


def test_trio_runs_a_batch_both_ways_round() -> None:
    demos = {demo.name: demo for demo in answer(Orders, "trio", "--trials", "64").demos}
    seen = {seen.order for seen in demos["four tasks started together"].orders}
    assert seen == {("a", "b", "c", "d"), ("d", "c", "b", "a")}


def test_orders_are_counted_and_the_most_frequent_stands_first() -> None:
    orders = iter([["a", "b"], ["b", "a"], ["b", "a"]])
    scenes = Scenes("trio", lambda scene, order: order.extend(next(orders)))

    @scenes.question("two", promised=False)
    async def two(order: Order) -> None:
        """Not fixed anywhere."""

    seen = (SeenOrder(order=("b", "a"), count=2), SeenOrder(order=("a", "b"), count=1))
    expected = Demo(name="two", promised=False, orders=seen, why="Not fixed anywhere.")
    assert scenes.observe(3).demos == (expected,)


@pytest.mark.parametrize("runtime", EVERY_RUNTIME)
@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("order", ("--trials", "8"), "not promised"),
        ("matrix", ("--ms", "20"), "schedules"),
        ("siblings", (), "parent waited"),
    ],
)
def test_a_person_is_told_in_plain_lines(runtime: str, kind: str, words: tuple[str, ...], expected: str) -> None:
    lines = said(kind, runtime, *words).splitlines()
    assert any(expected in line for line in lines)
    assert not any(line.startswith("{") for line in lines)


@pytest.mark.parametrize("runtime", EVERY_RUNTIME)
def test_a_program_ends_with_its_lifeline(runtime: str) -> None:
    reading, writing = os.pipe()
    words = [*command("order", runtime), "--json", "--lifeline", "--trials", "1000000"]
    with subprocess.Popen(words, stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        os.close(reading)
        os.close(writing)
        try:
            assert process.wait(30) != 0
        finally:
            process.kill()
