"""One call on its way through a worker pool."""

from __future__ import annotations

from pickle import loads
from typing import TYPE_CHECKING, Any

import outcome
import trio

from ..admission.waiting_room import Entry
from ..errors import BrokenWorkerError, JobError, QueueTimeout, RunTimeout
from ..measure.ledger import QUEUE, RUN, Ledger
from ..worker.frames import CANCELLED, EXPIRED, RETURNED, RETURNED_NONE, Failure, Reply

if TYPE_CHECKING:
    from ..admission.tally import Tally
    from ..worker.frames import Pieces
    from .dispatch import Dispatcher
    from .slot import Slot


class Job(Entry):
    """``caller`` is None once the caller has left, ``slot`` is None until the job has been given to a worker.

    A job is the outcome that its caller is woken with, too: Trio unwraps whatever a task is rescheduled with. That
    saves an object for each job, which is a twentieth of all that a short job costs here.
    """

    __slots__ = (
        "brief",
        "call",
        "caller",
        "dispatcher",
        "number",
        "reply",
        "run_limit",
        "slot",
        "split",
        "tally",
        "timed_out",
    )

    dispatcher: Dispatcher
    tally: Tally
    brief: bool
    """Whether it may be sent ahead: jobs of its kind have been short, and it fits into a packet."""
    number: int
    call: bytes | Pieces
    split: int
    """How many bytes of the call are the function (see `Calls.write`)."""
    caller: trio.lowlevel.Task | None
    run_limit: float
    reply: Reply | None
    slot: Slot | None
    timed_out: bool

    def leave(self, _: object) -> trio.lowlevel.Abort:
        """The caller was cancelled (Trio's abort function)."""
        self.dispatcher.abandon(self)
        return trio.lowlevel.Abort.SUCCEEDED

    def fail(self, error: BaseException) -> None:
        if self.caller is not None:
            trio.lowlevel.reschedule(self.caller, outcome.Error(error))
            self.caller = None

    def loss(self, code: int, *, closed: bool) -> Exception:
        """Why the job ended when its worker did, with this exit code."""
        if self.timed_out:
            return RunTimeout("the job ran into its run timeout; its worker was killed")
        if closed:
            return trio.ClosedResourceError(f"{self.dispatcher.name} was closed while the job ran")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return BrokenWorkerError(f"the worker died with {how}", exit_code=code)

    def book(self, ledger: Ledger, failure: BaseException | None) -> None:
        """Write down where the caller's time went, now that it has the job's end or has left."""
        reply, now = self.reply, trio.current_time()
        if reply is not None and reply[1] != EXPIRED:
            _, _, begun, seconds, _ = reply
            ledger.add(QUEUE, self.arrived, self.entered)
            ledger.add_job(self.entered, begun, begun + seconds)
        elif reply is None and (self.slot is not None or isinstance(failure, (BrokenWorkerError, RunTimeout))):
            ledger.add(QUEUE, self.arrived, self.entered)
            ledger.add(RUN, self.entered, now)
        else:
            ledger.add(QUEUE, self.arrived, now)

    def unwrap(self) -> Any:
        """The job's result, or raise what ended it."""
        assert self.reply is not None
        _, end, _, _, value = self.reply
        if end == RETURNED_NONE:
            return None
        if end == RETURNED:
            return _load(value)
        if end == EXPIRED:
            raise QueueTimeout(self.dispatcher.name)
        if end == CANCELLED:
            raise RunTimeout("the job ran into its run timeout and was ended")
        failure = Failure(*loads(value))
        error = JobError(failure.text.rsplit("\n", 1)[-1]) if failure.error is None else _load(failure.error)
        error.add_note(f"\nIn the worker:\n{failure.text}")
        raise error


def _load(value: bytes | memoryview) -> Any:
    try:
        return loads(value)
    except Exception as error:
        raise JobError(f"the job's result cannot be read here: {error!r}") from error
