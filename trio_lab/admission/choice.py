"""Disciplines by name, for flags and for the argument ``discipline`` of pools and bulkheads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ..config import DISCIPLINES, DisciplineName
from .by_patience import ByPatience
from .disciplines import AdaptiveLifo, ByPriority, CoDel, Discipline, FairShare, Fifo, Lifo, Waiting
from .patience import Patiences

W = TypeVar("W", bound=Waiting)

DEFAULT: DisciplineName = "patience"

Chosen: TypeAlias = Discipline[W] | DisciplineName | None
"""What callers give as ``discipline``: one of their own, a name, or None for the default."""

Draw: TypeAlias = Callable[[], float] | None

_LONG = 20  # callers that wait: more is an overload for adaptive LIFO
# CoDel's for jobs: the article's hundredfold, for a job takes about a hundred times as long as a packet.
_TARGET, _INTERVAL = 0.1, 1.0


def _by_patience(outer: Callable[..., Discipline[Any]], random: Draw) -> Discipline[Any]:
    """Several queues, and one that learns for all of them."""
    learner = Patiences()
    return outer(partial(ByPatience, learner, random=random), learner)


_MAKERS: dict[DisciplineName, Callable[[Draw], Discipline[Any]]] = {
    "patience": lambda random: ByPatience(random=random),
    "fifo": lambda _: Fifo(),
    "lifo": lambda _: Lifo(),
    "adaptive-lifo": lambda _: AdaptiveLifo(_LONG),
    "codel": lambda _: CoDel(_TARGET, _INTERVAL),
    "fair": partial(_by_patience, FairShare),
    "priority": partial(_by_patience, ByPriority),
}


def chosen(discipline: Chosen[W], random: Draw = None) -> Discipline[W]:
    """The discipline that is meant. ``random`` gives numbers from 0 to less than 1 to those that draw; by default they are
    different in each run.

    Raises:
        ValueError: there is none of this name.
    """
    if discipline is None:
        discipline = DEFAULT
    if not isinstance(discipline, str):
        return discipline
    if discipline not in _MAKERS:
        raise ValueError(f"discipline must be one of {', '.join(DISCIPLINES)}, or an object, not {discipline!r}")
    return _MAKERS[discipline](random)
