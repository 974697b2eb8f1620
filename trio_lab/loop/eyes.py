"""What a watch must be able to ask of an event loop, and nothing more.

There are two kinds of eyes, `trio_eyes` and `asyncio_eyes`. Whatever does not depend on the loop is not here: the watchdog's
thread, the causes, the table, and when steps are measured.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from .loop_time import LoopTime
from .step_log import StepLog

if TYPE_CHECKING:
    from ..records.queue import Queue


class Passes(LoopTime):
    """A monitor of one loop that can be put in and taken out. Call its methods in the loop's thread."""

    def install(self) -> None:
        """Begin to measure."""
        raise NotImplementedError

    def install_again(self) -> None:
        """Install a monitor again if it is found blind. Its figures are kept; the passes in between are missing."""
        if (why := self.blind) is not None:
            self.gaps, self._gap = self.gaps + 1, why
            self.remove()
            self.install()

    def remove(self) -> None:
        """Stop measuring. A monitor that is not there any more is no error."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A task: its name, the names of the tasks from the main task down to it, and what it had set `WORKING_ON` to."""

    name: str = ""
    path: tuple[str, ...] = ()
    label: object = None


NO_TASK = Who()


class Eyes(ABC):
    """One loop as its watch sees it. Make it in the loop's thread.

    ``passes`` measures every pass. ``log`` has the steps of the current pass while steps are measured, else None.
    """

    passes: Passes
    log: StepLog[Any] | None = None

    @abstractmethod
    def frames(self, top: FrameType | None) -> list[FrameType]:
        """The frames of the step that the loop's thread is in, innermost first, of a stack that begins with ``top``."""

    @abstractmethod
    def who(self, frames: list[FrameType]) -> Who:
        """The task whose step these frames are. Called by the watchdog's thread, during a long pass."""

    @abstractmethod
    def measure_steps(self, on: bool) -> None:
        """Fill ``log`` from now on, or stop it. Asking for what is already so changes nothing."""

    @abstractmethod
    def steps_blind(self) -> str | None:
        """Why steps are not seen although they should be measured; None when they are. Called within a step."""

    @abstractmethod
    def whose(self, step: Any) -> tuple[Who, FrameType | None]:
        """The task of a step in the ``log``, and its outermost frame."""

    @abstractmethod
    def shared_threads(self) -> tuple[list[Queue], object]:
        """The queues for threads that all code of the loop shares. If one of them is an executor, that as well, else None.
        Called in the loop."""

    @abstractmethod
    def now(self) -> float:
        """The time by which the loop sleeps, in seconds."""

    @abstractmethod
    def undisturbed(self, act: Callable[[], None]) -> None:
        """Call it without a KeyboardInterrupt in between, where the loop can promise that."""

    @abstractmethod
    def calling(self, look: Callable[[], None], *, every: float) -> AbstractAsyncContextManager[None]:
        """While the block lasts, the loop calls ``look`` about ``every`` so many seconds."""
