"""Unit (pure): disciplines by name."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.admission.by_patience import ByPatience
from trio_lab.admission.choice import chosen
from trio_lab.admission.disciplines import AdaptiveLifo, ByPriority, CoDel, FairShare, Fifo, Lifo
from trio_lab.admission.waiting_room import Entry
from trio_lab.config import DISCIPLINES

KINDS: dict[Any, type[Any]] = {
    None: ByPatience,
    "patience": ByPatience,
    "fifo": Fifo,
    "lifo": Lifo,
    "adaptive-lifo": AdaptiveLifo,
    "codel": CoDel,
    "fair": FairShare,
    "priority": ByPriority,
}


@pytest.mark.parametrize("name", KINDS)
def test_a_discipline_is_chosen_by_its_name(name: Any) -> None:
    assert type(chosen(name)) is KINDS[name]
    assert chosen(name) is not chosen(name)


def test_every_name_of_the_configuration_is_one() -> None:
    assert {name for name in KINDS if name is not None} == set(DISCIPLINES)


def test_an_object_is_taken_as_it_is() -> None:
    discipline = Lifo[Entry]()
    assert chosen(discipline) is discipline


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"discipline must be one of patience, fifo, .* not 'random'"):
        chosen("random")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["fair", "priority"])
def test_several_queues_learn_together(name: Any) -> None:
    """What was learned of a kind is not lost when its queue is empty, and holds in all of them."""
    discipline: Any = chosen(name)
    for _ in range(1000):
        discipline.learner.left(Entry("page", 0, -1.0, None), 0.0)
    discipline.learner.served(Entry("page", 0, -0.05, None), 0.0, 0.05)
    for priority in (0, 1):
        waiting = [Entry("page", priority, -age, None) for age in (3.0, 0.97, 0.5)]
        for one in waiting:
            discipline.push(one)
        refused: list[Entry] = []
        assert discipline.pop(0.0, refused) is waiting[2]
        assert refused == waiting[:1]
        discipline.remove(waiting[1])
