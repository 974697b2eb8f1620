"""What happens in a simulation, moment by moment, so that two runs can be compared.

A request that is admitted at once has ``arrive`` and ``start``, one that waits has ``queue`` in between. It then ends with
``end``, or with ``stop`` if it took longer than the run timeout. ``refuse`` is a refusal by the gate or its discipline,
``timeout`` the end of a wait that took too long. After ``leave`` of a caller that is being served, its work still ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Literal

What = Literal["arrive", "queue", "start", "end", "stop", "refuse", "timeout", "leave"]

Entry = tuple[float, int, What]
"""Seconds since the start, the number of the request, and what happened to it."""

Log = Callable[[float, int, What], object]


def first_difference(one: Sequence[Entry], other: Sequence[Entry]) -> tuple[int, Entry | None, Entry | None] | None:
    """Where two logs differ: the position and both entries there, None at the end of a log. None if they are equal."""
    for position, (here, there) in enumerate(zip_longest(one, other)):
        if here != there:
            return position, here, there
    return None
