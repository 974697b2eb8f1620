"""The passes of a Trio run that is about to begin. A suite has thousands of runs, so one instrument does all."""

from __future__ import annotations

from collections.abc import Callable

from ..loop.passes import PassMonitor
from ..loop.trio_instruments import is_guest


class PassesOfRun(PassMonitor):
    """Measured from the first poll on: a run in another program's loop may begin later. ``at_end`` is called when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.at_end: Callable[[], None] = self.remove

    def __dir__(self) -> tuple[str, ...]:
        return (*self.hooks, "before_run", "after_run")

    def install(self) -> None:
        super().install()
        self.begin_with_a_poll()

    def before_run(self) -> None:
        self.hosted = is_guest()

    def after_run(self) -> None:
        self.pause()  # the last pass is over
        self.at_end()
