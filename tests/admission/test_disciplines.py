"""Unit (pure): orders of service, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.admission.disciplines import AdaptiveLifo, ByPriority, CoDel, FairShare, Fifo, Lifo


class One:
    """Somebody who waits."""

    def __init__(self, name: str, kind: str = "", priority: int = 0, arrived: float = 0.0) -> None:
        self.name, self.kind, self.priority, self.arrived = name, kind, priority, arrived


def drain(discipline: Any, now: float = 0.0) -> str:
    names = ""
    while (entry := discipline.pop(now, [])) is not None:
        names += entry.name
    return names


def filled(discipline: Any, entries: str) -> Any:
    """Entries as "a" or "a:kind" or "a:kind:priority"."""
    for entry in entries.split():
        name, kind, priority = [*entry.split(":"), "", "0"][:3] if ":" in entry else (entry, "", "0")
        discipline.push(One(name, kind, int(priority or 0)))
    return discipline


@pytest.mark.parametrize(
    ("discipline", "entries", "order"),
    [
        (Fifo(), "a b c", "abc"),
        (Lifo(), "a b c", "cba"),
        (AdaptiveLifo(10), "a b c", "abc"),  # short: fair
        (AdaptiveLifo(2), "a b c d", "dcab"),  # long: the newest first, until it is short again
        (ByPriority(), "a::0 b::5 c::0 d::5", "bdac"),
        (ByPriority(Lifo), "a::0 b::5 c::0 d::5", "dbca"),
        (FairShare(), "a:x b:x c:x d:y e:y f:z", "adfbec"),  # in turn, however many of each
        (FairShare(Lifo), "a:x b:x d:y", "bda"),
        (FairShare(), "", ""),
    ],
)
def test_order(discipline: Any, entries: str, order: str) -> None:
    assert drain(filled(discipline, entries)) == order
    assert len(discipline) == 0


@pytest.mark.parametrize("make", [Fifo, Lifo, lambda: AdaptiveLifo(1), CoDel, ByPriority, FairShare])
def test_one_that_leaves_is_not_served(make: Any) -> None:
    discipline = make()
    entries = [One(name, kind, priority) for name, kind, priority in (("a", "x", 0), ("b", "y", 1), ("c", "x", 0))]
    for entry in entries:
        discipline.push(entry)
    discipline.remove(entries[0])
    assert len(discipline) == 2
    assert sorted(drain(discipline)) == ["b", "c"]
    with pytest.raises(KeyError):
        discipline.remove(entries[1])


def test_codel_lets_a_burst_pass() -> None:
    discipline = CoDel(target=0.005, interval=0.1)
    for _ in range(50):
        discipline.push(One("x", arrived=0.0))
    refused: list[One] = []
    for n in range(50):
        assert discipline.pop(0.001 * n, refused) is not None  # drained within an interval
    assert refused == []


def test_codel_refuses_from_a_standing_queue_until_waits_are_short_again() -> None:
    discipline = CoDel(target=0.005, interval=0.1)
    refused: list[One] = []
    served = 0
    now = 0.0
    for tick in range(400):  # two come for each one that can be served
        now = tick * 0.01
        discipline.push(One("x", arrived=now))
        discipline.push(One("x", arrived=now))
        served += discipline.pop(now, refused) is not None
    assert len(refused) > 50
    assert served == 400  # it never leaves the server idle
    waits = [now - entry.arrived for entry in iter(lambda: discipline.pop(now, refused), None)]
    assert max(waits, default=0.0) < 4.0 / 2  # a plain queue would end with a wait of two seconds


def test_codel_is_idle_when_nobody_waits() -> None:
    assert CoDel().pop(1.0, []) is None
