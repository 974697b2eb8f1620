"""The queues that a program has open now, so that who looks into it from outside finds them without being told.

A bulkhead and a worker pool announce themselves when they are made. This is the only list of its kind; it keeps none of them
alive.
"""

from __future__ import annotations

from itertools import count
from weakref import WeakValueDictionary

from ..records.queue import Queue

_numbers = count()
_announced: WeakValueDictionary[int, Queue] = WeakValueDictionary()


def announce(queue: Queue) -> None:
    _announced[next(_numbers)] = queue


def announced() -> list[Queue]:
    """In the order in which they were made."""
    # Not `values`, which guards its iteration and takes a microsecond, as long as two executors.
    return [queue for found in _announced.valuerefs() if (queue := found()) is not None]
