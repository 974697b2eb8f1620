"""Unit: records of queues whose names a program has given twice."""

from __future__ import annotations

from trio_lab.records.queue import QueueStatistics, named_apart


def queue(name: str, *kinds: str) -> QueueStatistics:
    return QueueStatistics(name=name, kinds=tuple(QueueStatistics(name=f"{name}.{kind}") for kind in kinds))


def test_queues_of_one_name_are_named_apart_in_their_order() -> None:
    found = named_apart([queue("a"), queue("b"), queue("a#2"), queue("a"), QueueStatistics(name="a")])
    assert [one.name for one in found] == ["a", "b", "a#2", "a#3", "a#4"]
    assert [one.kinds for one in found] == [(), (), (), (), None]


def test_the_kinds_of_a_renamed_queue_are_its_kinds() -> None:
    first, second = named_apart([queue("pool", "hash"), queue("pool", "hash", "report")])
    assert [first.kind_of(part) for part in first.parts()] == ["hash"]
    assert [second.kind_of(part) for part in second.parts()] == ["hash", "report"]
    assert [part.name for part in second.parts()] == ["pool#2.hash", "pool#2.report"]
