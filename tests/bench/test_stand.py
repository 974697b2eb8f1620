"""Unit: contestants take turns, and rounds that others disturbed are repeated before they count."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import pytest

from trio_lab.bench import stand as module
from trio_lab.bench.stand import Stand, figures_of, talking


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
    figures = await Stand(quick=True, versions={}).in_turn(counting(happened), 3)
    assert happened == list("ABBAAB")
    assert figures == {"A": [1, 4, 5], "B": [2, 3, 6]}


@pytest.mark.parametrize(
    ("quick", "others", "first", "disturbed"),
    [
        (False, [False], 1, 0),
        (False, [True, False], 3, 0),  # the second try counts
        (True, [True], 1, 1),  # no time for a second
    ],
)
async def test_a_disturbed_round_is_repeated(
    quick: bool, others: list[bool], first: int, disturbed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Watch", Others(*others))
    stand = Stand(quick=quick, versions={})
    figures = await stand.in_turn(counting([]), 1)
    assert figures == {"A": [first], "B": [first + 1]}
    assert stand.disturbed_rounds == disturbed


async def test_patience_with_others_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def long(patience: float) -> float:
        return patience

    monkeypatch.setattr(module, "wait_quiet", long)
    monkeypatch.setattr(module, "Watch", Others(True, True))
    stand = Stand(quick=False, versions={})
    assert await stand.in_turn(counting([]), 2) == {"A": [1, 4], "B": [2, 3]}
    assert stand.disturbed_rounds == 2


async def test_a_contestant_that_fails_is_an_error_with_its_last_words() -> None:
    with pytest.raises(RuntimeError, match="exit code 3: no luck"):
        await figures_of([sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"])


async def test_a_child_answers_lines_and_ends_when_dismissed() -> None:
    echo = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"
    async with talking([sys.executable, "-c", echo]) as child:
        assert await child.ask("1") == 11
        assert await child.ask("2") == 22


async def test_a_child_that_ends_instead_of_answering_is_an_error() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with talking([sys.executable, "-c", ""]) as child:
            await child.hear()
    assert caught.group_contains(RuntimeError, match="before it answered")
