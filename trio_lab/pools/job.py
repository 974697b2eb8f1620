"""One call on its way through a worker pool. Pure: no event loop, no process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from ..admission.waiting_room import Entry
from ..errors import BrokenWorkerError, RunTimeout
from ..measure.ledger import QUEUE, RUN, Ledger
from ..worker.frames import CANCELLED, EXPIRED, RETURNED, RETURNED_NONE, Reply
from .outcome import raise_failure, result_in

if TYPE_CHECKING:
    from ..admission.tally import Tally
    from ..worker.frames import Pieces


class Worker(Protocol):
    """What is asked of a worker process. None of it blocks. `WorkerProcess` is one; tests have another."""

    @property
    def pid(self) -> int: ...

    def send(self, number: int, deadline: float, call: bytes | Pieces, split: int) -> bool:
        """Hand over a job; False when the pipe takes no more. ``deadline`` as seen by `time.monotonic`."""

    def take_back(self) -> int | None:
        """The number of the next job that the worker has not read, and now will not; None when there is none."""

    def read(self) -> list[Reply] | None:
        """Replies that have come; None when none has come now, an empty list when none will come any more."""

    def read_all(self) -> tuple[list[Reply], int]:
        """All replies that have come, and how many bytes have come of one that is not whole."""

    def interrupt(self, job: int) -> None:
        """Ask that job to end, if it is running."""

    def kill(self) -> None: ...

    def ask_to_end(self) -> None:
        """An idle worker ends at once, a busy one after its job."""


class Job(Entry):
    """A job, and its outcome: Trio unwraps whatever a task is rescheduled with, so a caller is woken with its job itself.

    That saves an object for each job, a twentieth of all that a short job costs here.
    """

    __slots__ = (
        "brief",
        "call",
        "caller",
        "ends_by",
        "error",
        "number",
        "reply",
        "run_limit",
        "split",
        "tally",
        "timed_out",
        "worker",
    )

    tally: Tally
    brief: bool
    """Whether it may be sent ahead: jobs of its kind have been short, and it fits into a packet."""
    number: int
    """Given when it is chosen to be the next, 0 before."""
    call: bytes | Pieces
    split: int
    """How many bytes of the call are the function (see `Calls.write`)."""
    caller: Any
    """What the pool wakes, None once it has left. Only the driver knows what it is."""
    run_limit: float
    ends_by: float
    """The deadline of the caller's own caller: whatever the limit, it does not run beyond."""
    worker: Worker | None
    """Who has been given the job, None while it waits. A job that was given to a free worker has its place: its
    deadline is infinite. One that was sent ahead gets its place when the worker begins it."""
    reply: Reply | None
    error: BaseException | None
    """Why it was not run, or did not end by itself."""
    timed_out: bool

    @property
    def ends_at(self) -> float:
        """When its time is up, if it runs."""
        return min(self.entered + self.run_limit, self.ends_by)

    def withdraw(self) -> None:
        """Its worker has not begun it and never will."""
        self.worker = None
        self.timed_out = False

    def wait_again(self) -> None:
        """It had its place, lost it, and there is no other: it waits again, until the deadline it had."""
        self.deadline = math.inf if self.patience is None else self.arrived + self.patience

    def book(self, ledger: Ledger, failure: BaseException | None, now: float) -> None:
        """Write down where the caller's time went, now that it has the job's end or has left."""
        reply = self.reply
        if reply is not None and reply[1] != EXPIRED:
            _, _, begun, seconds, _ = reply
            ledger.add(QUEUE, self.arrived, self.entered)
            ledger.add_job(self.entered, begun, begun + seconds)
        elif reply is None and (self.worker is not None or isinstance(failure, (BrokenWorkerError, RunTimeout))):
            ledger.add(QUEUE, self.arrived, self.entered)
            ledger.add(RUN, self.entered, now)
        else:
            ledger.add(QUEUE, self.arrived, now)

    def unwrap(self) -> Any:
        """The job's result, or raise what ended it."""
        if self.error is not None:
            raise self.error
        assert self.reply is not None
        _, end, _, _, value = self.reply
        if end == RETURNED_NONE:
            return None
        if end == RETURNED:
            return result_in(value)
        if end == CANCELLED:
            raise RunTimeout("the job ran into its run timeout and was ended")
        return raise_failure(value)
