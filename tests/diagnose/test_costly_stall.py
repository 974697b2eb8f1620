"""Unit (pure): the stall that cost most of a calm step is found by what was added to the table meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.diagnose.costly_stall import awaits_of_stalls, coroutines_of_stalls, costly_stall
from trio_lab.records.examination import Sighting, Step
from trio_lab.records.health import StallFigures

from .services import Sick

SERVICE = Sick(queues={}, busy=lambda share: 0.4)
Rows = tuple[StallFigures, ...]


def row(
    function: str, total: float, *, line: int = 5, cause: str = "python", awaits: float | None = None
) -> StallFigures:
    return StallFigures(
        filename="app.py",
        lineno=line,
        function=function,
        cause=cause,
        count=1,
        total=total,
        longest=total,
        awaits=awaits,
    )


def calm(*tables: Rows | None) -> list[Step]:
    """One calm step of a second, of which the loop is busy for 0.4: the tables are those of its looks, four times a second."""
    looks = (Sighting(at=at / 4, health=SERVICE.health(35.0, at / 4)) for at in range(len(tables)))
    seen = (replace(one, health=replace(one.health, stalls=table)) for one, table in zip(looks, tables, strict=True))
    return [replace(SERVICE.step(35.0, part="calm"), sightings=tuple(seen))]


@pytest.mark.parametrize(
    ("tables", "found"),
    [
        ([(), (), ()], "none"),
        ([None, None, None], None),
        ([(), (row("f", 0.1),), (row("f", 0.3),)], "python"),
        ([(), None, (row("f", 0.3),)], "python"),
        ([(row("f", 9.0),)] * 3, "none"),  # that was before
        ([(), (row("f", 0.01),), (row("f", 0.05),)], "none"),  # little of what the loop did
        ([(), (), (row("f", 0.3, cause="not running"),)], "none"),  # the machine's
        ([(), (), (row("f", 0.2), row("g", 0.3, line=7, cause="c call"))], "c call"),
    ],
)
def test_the_cause_that_cost_most_in_the_calm_steps(tables: list[Rows | None], found: str | None) -> None:
    stall = costly_stall(calm(*tables))
    assert (None if stall is None else stall.cause) == found


def test_functions_that_share_a_line_are_told_apart() -> None:
    """A generator expression has the line of the function around it."""
    before = (row("handler", 9.0), row("<genexpr>", 0.5))
    unchanged = costly_stall(calm(before, before, before))
    assert unchanged is not None
    assert unchanged.cause == "none", "nothing was added"
    found = costly_stall(calm(before, before, (before[0], row("<genexpr>", 0.9))))
    assert found is not None
    assert found.function == "<genexpr>"


def test_the_stall_is_told_as_it_was_in_the_calm_steps() -> None:
    """On the ladder many clients had come together, and passes were long."""
    before = replace(row("f", 9.0), count=10, share=0.2)
    after = replace(row("f", 9.3), count=40, share=(0.2 * 9.0 + 0.27) / 9.3)
    stall = costly_stall(calm((before,), (before,), (after,)))
    assert stall is not None
    assert (stall.count, stall.total, stall.share) == (30, pytest.approx(0.3), pytest.approx(0.9))
    middle = replace(before, count=20, total=9.1)
    several = costly_stall(calm((before,), (middle,), (after,)))
    assert several is not None
    assert (several.count, several.total) == (30, pytest.approx(0.3))


def test_awaits_are_those_of_all_lines_by_what_they_cost() -> None:
    table = (row("f", 3.0, awaits=0.8), row("g", 1.0, line=7, awaits=0.0), row("h", 9.0, line=9))
    assert awaits_of_stalls(calm((), table)) == pytest.approx(0.6)
    assert awaits_of_stalls(calm((), ())) is None


def test_many_lines_that_cost_much_together_are_told_without_one() -> None:
    """The loop was busy for 0.4 s, and no line blocked it for a quarter of that."""
    lines = [
        replace(row(f"f{line}", 0.06, line=line), by_coroutines={str(line % 3): 0.06}, longest=0.01)
        for line in range(5)
    ]
    stall = costly_stall(calm((), tuple(lines)))
    assert stall is not None
    assert (stall.filename, stall.cause, stall.count, stall.total) == ("", "python", 5, pytest.approx(0.3))
    assert coroutines_of_stalls(calm((), tuple(lines))) == pytest.approx(25 / 9)
    alike = tuple(replace(line, by_coroutines={"7": 0.06}) for line in lines)
    assert coroutines_of_stalls(calm((), alike)) == 1.0
    assert coroutines_of_stalls(calm((), ())) is None


def test_awaits_are_those_of_the_calm_steps() -> None:
    """A service that has run for long may have had other stalls before."""
    old, both = row("f", 60.0, awaits=0.0), row("g", 10.0, line=7, awaits=0.1)
    now = (old, replace(both, total=20.0, awaits=0.5))
    assert awaits_of_stalls(calm((old, both), now)) == pytest.approx(0.9)
