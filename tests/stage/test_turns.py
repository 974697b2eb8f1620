"""Unit: contestants take turns, and rounds that others disturbed are repeated before they count."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from trio_lab.stage import turns as module
from trio_lab.stage.stage import Stage
from trio_lab.stage.turns import Turns


class Others:
    """What others do while we measure: one entry for each round that is tried."""

    def __init__(self, *disturbing: bool) -> None:
        self.disturbing = list(disturbing)

    def __call__(self) -> Others:
        return self

    def disturbed(self) -> bool:
        return self.disturbing.pop(0)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(patience: float) -> float:
        return 0.0

    monkeypatch.setattr(module, "wait_quiet", at_once)


def counting(happened: list[str]) -> dict[str, Callable[[], Awaitable[int]]]:
    def contestant(name: str) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            happened.append(name)
            return len(happened)

        return run

    return {"A": contestant("A"), "B": contestant("B")}


async def test_contestants_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Watch", Others(False, False, False))
    happened: list[str] = []
    figures = await Turns(0.0).take(counting(happened), 3)
    assert happened == list("ABBAAB")
    assert figures == {"A": [1, 4, 5], "B": [2, 3, 6]}


@pytest.mark.parametrize(
    ("patience", "others", "first", "disturbed"),
    [
        (60.0, [False], 1, 0),
        (60.0, [True, False], 3, 0),  # the second try counts
        (0.0, [True], 1, 1),  # no time for a second
    ],
)
async def test_a_disturbed_round_is_repeated(
    patience: float, others: list[bool], first: int, disturbed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Watch", Others(*others))
    turns = Turns(patience)
    figures = await turns.take(counting([]), 1)
    assert figures == {"A": [first], "B": [first + 1]}
    assert turns.disturbed == disturbed


async def test_patience_with_others_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def long(patience: float) -> float:
        return patience

    monkeypatch.setattr(module, "wait_quiet", long)
    monkeypatch.setattr(module, "Watch", Others(True, True))
    turns = Turns(60.0)
    assert await turns.take(counting([]), 2) == {"A": [1, 4], "B": [2, 3]}
    assert turns.disturbed == 2


async def test_what_is_found_in_a_round_is_in_the_order_of_the_contestants_whoever_began() -> None:
    stage, happened = Stage(quick=True), list[str]()
    for stage.round in range(2):
        assert list(await stage.once(counting(happened))) == list(counting([]))
    assert happened[0] != happened[len(happened) // 2], "another one began"
