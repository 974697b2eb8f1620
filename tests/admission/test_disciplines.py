"""Unit (pure): orders of service, as tables."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import pytest

from trio_lab.admission.by_patience import ByPatience
from trio_lab.admission.disciplines import AdaptiveLifo, ByPriority, CoDel, FairShare, Fifo, Lifo
from trio_lab.admission.patience import Patiences


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


@pytest.mark.parametrize("others_leave", [False, True])
def test_codel_lets_a_burst_pass_that_comes_long_after_another(others_leave: bool) -> None:
    """Meanwhile nobody waits, so it is asked for nobody."""
    discipline, refused = CoDel[One](target=1.0, interval=4.0), list[One]()
    for arrived in (0.0, 100.0, 200.0):
        burst = [One(name, arrived=arrived) for name in "abc"]
        for entry in burst:
            discipline.push(entry)
        assert discipline.pop(arrived + 1.5, refused) is burst[0]
        for entry in burst[1:]:
            if others_leave:
                discipline.remove(entry)
            else:
                assert discipline.pop(arrived + 3.0, refused) is entry
    assert refused == []


def test_codel_lets_a_burst_pass() -> None:
    discipline = CoDel(target=0.005, interval=0.1)
    for _ in range(50):
        discipline.push(One("x", arrived=0.0))
    refused: list[One] = []
    for n in range(50):
        assert discipline.pop(0.001 * n, refused) is not None  # drained within an interval
    assert refused == []


def overloaded(discipline: Any, begin: float, seconds: float) -> list[float]:
    """When it refuses entries of a queue in which each has waited for a second; one is served each millisecond. At the end
    the queue is drained, and waits are short again."""
    moments: list[float] = []
    for tick in range(round(seconds * 1000)):
        now, refused = begin + tick / 1000, list[One]()
        for _ in range(5):
            discipline.push(One("x", arrived=now - 1.0))
        assert discipline.pop(now, refused) is not None  # it never leaves the server idle
        moments += [now] * len(refused)
    while len(discipline):
        discipline.pop(0.0, [])
    assert discipline.pop(begin + seconds, []) is None
    return moments


@pytest.mark.parametrize("among", [lambda codel: codel(), FairShare, ByPriority])
def test_codel_refuses_after_an_interval_and_then_at_intervals_over_the_root_of_their_number(among: Any) -> None:
    gaps = [0.1, *(0.1 / math.sqrt(n) for n in range(1, 16))]
    moments = overloaded(among(lambda: CoDel(target=0.005, interval=0.1)), 5.0, 0.7)
    assert moments == pytest.approx([5.0 + at for at in accumulate(gaps) if at < 0.7], abs=0.0025)


def test_codel_begins_anew_after_a_calm_hour() -> None:
    discipline = CoDel[One](target=0.005, interval=0.1)
    first = overloaded(discipline, 0.0, 2.0)
    assert len([at for at in first if at > 1.8]) > 10
    assert overloaded(discipline, 3600.0, 0.25) == pytest.approx([3600.1, 3600.2], abs=0.0025)


@pytest.mark.parametrize(("seconds", "drops"), [(0.25, 2), (0.3, 3), (0.35, 4), (1.0, 27)])
def test_codel_goes_on_at_about_its_old_rate_after_a_short_calm(seconds: float, drops: int) -> None:
    discipline = CoDel[One](target=0.005, interval=0.1)
    assert len(overloaded(discipline, 0.0, seconds)) == drops
    first, second = overloaded(discipline, seconds, 0.25)[:2]
    assert first == pytest.approx(seconds + 0.1, abs=0.0015)
    assert second - first == pytest.approx(0.1 / math.sqrt(max(1, drops - 2)), abs=0.0025)


def test_codel_refuses_from_the_very_moment_on() -> None:
    discipline, refused = CoDel[One](target=1.0, interval=4.0), list[One]()
    for now, in_all in ((0.0, 0), (4.0, 1), (7.75, 1), (8.0, 2)):
        for _ in range(3):
            discipline.push(One("x", arrived=-1.0))
        discipline.pop(now, refused)
        assert len(refused) == in_all


def test_codel_has_the_target_and_the_interval_of_the_article() -> None:
    assert overloaded(CoDel(), 5.0, 0.7) == overloaded(CoDel(target=0.005, interval=0.1), 5.0, 0.7)


def test_codel_refuses_nothing_while_waits_are_under_the_target_now_and_then() -> None:
    discipline = CoDel[One](target=0.005, interval=0.1)
    refused: list[One] = []
    discipline.push(One("x"))  # one always waits
    for tick in range(1000):
        now = tick / 1000
        discipline.push(One("x", arrived=now - (0.003 if tick % 90 == 0 else 1.0)))
        discipline.pop(now, refused)
    assert refused == []


def test_codel_is_idle_when_nobody_waits() -> None:
    assert CoDel().pop(1.0, []) is None


def test_learned_patience_of_nothing_still_serves_someone() -> None:
    class Hasty(Patiences):
        def in_time(self, now: float) -> float:
            return 0.0

    hasty = filled(ByPatience(Hasty(), random=lambda: 0.5), "a b c")
    assert sorted(drain(hasty, 1.0)) == ["a", "b", "c"]
