"""The steps of the current pass: which step began when. The expensive tier of the watch, because every step is noted.

A step is measured from its begin to the begin of the next, or to the moment of reading. So the time that the loop spends
between two steps counts towards the first, and a second clock reading is saved. During a pass only steps and times are
noted; they are added up when they are read, which is after a long pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from itertools import pairwise
from random import Random
from time import perf_counter
from typing import Generic, TypeVar

from .stalls import Steps

_TOP = 5
# In one of so many passes, as a mean, we look which tasks had a step; after a pass of n steps in one of n ÷ as many. One in 8
# always was half of what steps cost in a loop with 500 in a pass. The pass is drawn at random. A server whose clients are in
# step has passes that repeat; every eighth of them was the same, and so a task seemed to have a step in each that had one in
# every second pass only.
_EVERY = 8

S = TypeVar("S", bound=Hashable)


class StepLog(Generic[S]):
    """Notes steps of type ``S``. Subclasses append each step and the time of its begin to the two lists, which are only ever
    emptied; they say what a step is called, and which steps work off the entry queue."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._steps: list[S] = []
        self._began: list[float] = []
        self._missed: dict[Hashable, int] = {}  # by task: passes that were looked at, and in which it had no step
        self._looked_at, self._until_look = 0, _EVERY
        self._random: Callable[[], float] = Random().random
        self._callbacks = 0  # of the entry queue in this pass, where they are counted when they are due

    def name(self, step: S) -> str:
        """Of the task, or of the callback."""
        raise NotImplementedError

    def keys(self) -> set[Hashable]:
        """Of the steps so far: what stays the same from one step of a task to its next."""
        raise NotImplementedError

    def is_entry(self, step: S) -> bool:
        """Whether the step runs callbacks that came through the entry queue."""
        raise NotImplementedError

    def entries(self) -> int:
        """How many callbacks of the entry queue ran in this pass."""
        raise NotImplementedError

    def pass_ended(self) -> None:
        if self._steps:
            self._until_look -= 1
            if self._until_look == 0:
                self._look()
            self._steps.clear()
            self._began.clear()
            self._callbacks = 0

    def _look(self) -> None:
        """Which tasks have a step in nearly every pass? Those that had one in the first two passes, and that have not missed
        more than half since. No other is kept. A server's tasks end with their requests: to count the turns of each of them was
        most of what steps cost there, and kept thousands alive."""
        self._until_look = 1 + int(2 * max(_EVERY, len(self._steps) // _EVERY) * self._random())
        self._looked_at += 1
        if self._looked_at > 2 and not self._missed:
            return
        seen = self.keys()
        if self._looked_at <= 2:
            for task in seen:
                self._missed.setdefault(task, self._looked_at - 1)
        for task in self._missed.keys() - seen:
            self._missed[task] += 1
            if 2 * self._missed[task] > self._looked_at:
                del self._missed[task]

    def steps(self) -> Steps:
        """The current pass so far."""
        took = [after - before for before, after in pairwise([*self._began, self._clock()])]
        by_name: defaultdict[str, float] = defaultdict(float)
        entered = 0.0
        for step, seconds in zip(self._steps, took, strict=True):
            by_name[self.name(step)] += seconds
            if self.is_entry(step):
                entered += seconds
        top = sorted(by_name.items(), key=lambda item: item[1], reverse=True)
        return Steps(
            count=len(took),
            longest=max(took, default=0.0),
            entry_queue=entered,
            callbacks=self.entries(),
            top=tuple(top[:_TOP]),
        )

    def read_turns(self) -> tuple[dict[Hashable, int], int]:
        """Of the passes that were looked at since the last call: in how many each task had a step, if that was at least half of
        them, and their number."""
        missed, looked_at = self._missed, self._looked_at
        self._missed, self._looked_at = {}, 0
        return {task: looked_at - passes for task, passes in missed.items()}, looked_at
