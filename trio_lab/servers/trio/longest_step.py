"""The longest uninterrupted run of one task."""

from __future__ import annotations

from time import perf_counter

import trio


class LongestStep(trio.abc.Instrument):
    """The longest step of the current task for the length of the block, in ``seconds``.

    While it is open it costs two calls per step of every task, so only routes about steps use it.
    """

    def __init__(self) -> None:
        self._task = trio.lowlevel.current_task()
        self._began = perf_counter()
        self.seconds = 0.0

    def __enter__(self) -> LongestStep:
        trio.lowlevel.add_instrument(self)
        return self

    def __exit__(self, *_: object) -> None:
        trio.lowlevel.remove_instrument(self)
        self._finish()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._began = perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._finish()

    def _finish(self) -> None:
        self.seconds = max(self.seconds, perf_counter() - self._began)
