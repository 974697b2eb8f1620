"""A program is started twice and measured in turn; and what is done when one of the two does not run."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
import trio
import trio.testing

from trio_lab.diagnose.proof import prove
from trio_lab.doctor.trial import Side, Trier
from trio_lab.measure.process import family
from trio_lab.records.proof import Measure, Trial

from .noting import Noting

PROGRAM = str(Path(__file__).parent / "programs" / "places.py")


def trier(
    before: Mapping[str, str],
    change: Mapping[str, str],
    *,
    measure: Measure = "throughput",
    port: int | None = None,
    program: str = PROGRAM,
) -> Trier:
    command = (sys.executable, program)
    trial = Trial(variables=dict(change), measure=measure, clients=8, rate=50.0, piece=0.1)
    return Trier(
        trial=trial,
        before=Side(command=command, variables=before, path="/"),
        after=Side(command=command, variables={**before, **change}, path="/"),
        beside="/health",
        patience=2.0,
        budget=2.0,
        port=port,
        stdout=sys.stderr.fileno(),
    )


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Of what a test has started; some tests before it start processes that stay, as multiprocessing's tracker does."""
    before = set(family(os.getpid()))
    yield
    assert set(family(os.getpid())) <= before


async def test_twice_as_many_places_and_nothing_is_left_of_a_trial_that_is_cancelled() -> None:
    trial = trier({"PLACES": "1"}, {"PLACES": "4"})
    with trio.CancelScope() as scope:
        trial.on_pair = lambda trial, left: scope.cancel() if trial.pairs else None
        await trial.run()
    assert scope.cancelled_caught
    ((before, after),) = trial.trial.pairs
    assert after > 1.5 * before


async def test_both_programs_may_be_loaded_at_any_address() -> None:
    trial, trial._loaders = trier({}, {}), (loaders := Noting())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trial._piece, "http://192.0.2.1", trial.before)
        await loaders.asked.wait()
        nursery.cancel_scope.cancel()
    assert [plan["own_this"] for plan in loaders.plans] == [True]


async def test_a_program_that_ends_with_the_change_is_worse() -> None:
    proof = prove(found := await trier({}, {"DIES": "60"}).run())
    assert found.broke
    assert proof.outcome == "worse"
    assert "(exit code 7)" in proof.says


async def test_a_program_that_serves_its_cheap_path_only_is_not_better() -> None:
    """Its loop has nothing to do, so that path is quick."""
    trial = trier({"PLACES": "1"}, {"FAILS": "1"}, measure="beside_p50")
    async with trial._loaders.open():
        assert await trial._side_by_side()
    assert trial.trial.pairs
    assert all(before < after == trial.patience for before, after in trial.trial.pairs)
    assert prove(trial.trial).outcome in ("worse", "undecided")


async def test_a_program_that_does_not_start_with_the_change_could_not_be_tried() -> None:
    found = await trier({}, {"PLACES": "banana"}).run()
    assert (found.pairs, found.broke) == ((), False)
    assert prove(found).says.startswith("PLACES=banana could not be tried: ")
    assert "ended before it listened (exit code 1)" in prove(found).says


async def test_a_program_that_always_takes_the_same_port_is_started_for_each_piece() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    trial = replace(trier({"PORT": port}, {"PLACES": "4"}), budget=0.1)  # a pair or two
    found = await trial.run()
    assert found.restarted
    assert found.stopped is None
    assert found.pairs
    assert prove(found).outcome == "undecided"


# What decides, with pieces of no time.


class Pieces:
    """Each takes so many seconds. The figures of the program with the change come in turn."""

    def __init__(self, trial: Trier, *after: float, seconds: float = 0.5) -> None:
        self._trial, self._after, self._seconds = trial, cycle(after), seconds
        self.taken: list[str] = []

    async def __call__(self, side: Side) -> float:
        await trio.sleep(self._seconds)
        changed = side is self._trial.after
        self.taken.append("B" if changed else "A")
        return next(self._after) if changed else 100.0


async def test_each_pair_is_measured_in_a_random_order(autojump_clock: trio.testing.MockClock) -> None:
    trial = trier({}, {"X": "1"})
    pieces = Pieces(trial, 70.0, 140.0)
    random.seed(3)
    await trial._in_turn(pieces, 40.0)
    pairs = ["".join(pieces.taken[at : at + 2]) for at in range(0, len(pieces.taken), 2)]
    assert pairs[0] == "AB", "until they are warm"
    assert {pair: pairs.count(pair) > 10 for pair in pairs} == {"AB": True, "BA": True}
    assert set(trial.trial.pairs) == {(100.0, 70.0), (100.0, 140.0)}, "whichever came first"


@pytest.mark.parametrize(
    ("after", "seconds", "pairs"),
    [
        ((200.0,), 0.5, 8),  # the first look decides
        ((100.0,), 0.5, 8),
        ((70.0, 140.0), 0.5, 40),  # nothing does, and a pair takes a second
        ((70.0, 140.0), 2.5, 8),
        ((200.0,), 6.0, 5),  # eight pairs take longer than one and a half of the budget
        ((200.0,), 60.0, 1),
    ],
)
async def test_it_ends_when_it_is_decided_or_its_time_is_over(
    after: tuple[float, ...], seconds: float, pairs: int, autojump_clock: trio.testing.MockClock
) -> None:
    trial = trier({}, {"X": "1"})
    told: list[float] = []
    trial.on_pair = lambda trial, left: told.append(left)
    await trial._in_turn(Pieces(trial, *after, seconds=seconds), 40.0)
    assert len(trial.trial.pairs) == len(told) == pairs
    assert min(told) > 0
