"""Unit: the registry of a lab's queues."""

from __future__ import annotations

import pytest

from trio_lab.measure.queues import Queues
from trio_lab.records.queue import QueueStatistics


class Line:
    def __init__(self, name: str, *kinds: str) -> None:
        self._name = name
        self._kinds = list(kinds)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        return QueueStatistics(name=f"{self._name}.{kind}" if kind else self._name)

    def kinds(self) -> list[str]:
        return self._kinds


def test_queues_are_found_by_name_and_stay_in_order() -> None:
    first, second, third = Line("b"), Line("a", "x", "y"), Line("c")
    queues = Queues(first, second, third)
    assert (queues["a"], queues["c"], len(queues)) == (second, third, 3)
    assert list(queues) == [record.name for record in queues.statistics()] == ["b", "a", "c"]
    kinds = [[kind.name for kind in record.kinds or ()] for record in queues.statistics()]
    assert kinds == [[], ["a.x", "a.y"], []]


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="'a'"):
        Queues(Line("a"), Line("b"), Line("a"))
