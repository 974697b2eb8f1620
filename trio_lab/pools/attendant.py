"""The life of one worker process, from its start to its end: one task, which owns the process and reads its replies.

It tells the dispatcher what happens to the worker, and decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from ..rarely import Rarely
from .dispatch import Dispatcher
from .output import Output
from .process import WorkerProcess
from .slot import Slot, State

_log = logging.getLogger("trio_lab.pools")

_WAITS = 16  # wake-ups for which the speculative read is skipped, after one that found nothing


class Attendant:
    """``carry_out(now)`` does what the dispatcher has decided; ``spawn`` starts a process; see `Output` for ``turn``.

    ``failures`` bounds how often it is logged that no process can be started; all attendants of a pool share it.
    """

    def __init__(
        self,
        slot: Slot,
        dispatcher: Dispatcher,
        carry_out: Callable[[float], None],
        spawn: Callable[[], Awaitable[WorkerProcess]],
        turn: trio.Lock,
        failures: Rarely,
    ) -> None:
        self._slot = slot
        self._dispatcher = dispatcher
        self._carry_out = carry_out
        self._spawn = spawn
        self._turn = turn
        self._failures = failures

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C in the middle of a decision would leave it half made
    async def run(self) -> None:
        """Returns when the worker has ended, or could not be started."""
        if self._slot.state is State.RETIRING:  # it has become one too many before this task had its first turn
            self._gone((), 0)
            return
        try:
            worker = await self._spawn()
        except OSError as error:
            self._dispatcher.fault = error.strerror or str(error)
            now = trio.current_time()
            if self._failures.due(now):
                _log.warning("%s cannot start a worker: %s; trying again", self._dispatcher.name, error)
            self._dispatcher.staff.lose(self._slot, now)
            self._gone((), 0)
            return
        output = Output(worker.pid, worker.take_output(), self._turn)
        now = trio.current_time()
        self._dispatcher.staff.on_started(self._slot, worker, now)
        self._carry_out(now)
        try:
            await self._serve(worker, output)
        finally:
            await self._bury(worker, output)

    async def _serve(self, worker: WorkerProcess, output: Output) -> None:
        """Returns when the worker has died, or has to."""

        async def until_dead() -> None:
            await worker.wait_dead()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_dead)
            nursery.start_soon(worker.write_unsent)
            nursery.start_soon(output.forward)
            if await worker.wait_ready():
                now = trio.current_time()
                self._dispatcher.on_ready(self._slot, now)
                self._carry_out(now)
                await self._read_replies(worker)
            nursery.cancel_scope.cancel()

    async def _read_replies(self, worker: WorkerProcess) -> None:
        """Reads again before it waits, as long as that pays.

        The next replies may be there when the callers have run, and then arming epoll would have been for nothing. Or
        they may not, and then the read was for nothing, and the step that it took. The next time is likely to be like
        the last.
        """
        dispatcher, slot, now_is = self._dispatcher, self._slot, trio.lowlevel.current_clock().current_time
        waits = 0
        while True:
            replies = worker.read()
            if replies is None:
                waits = _WAITS
            elif not replies:
                return
            else:
                now = now_is()
                dispatcher.on_replies(slot, replies, now)
                self._carry_out(now)
                if not waits:
                    await trio.lowlevel.checkpoint()
                    continue
                waits -= 1
            await trio.lowlevel.wait_readable(worker.replies)

    async def _bury(self, worker: WorkerProcess, output: Output) -> None:
        """No more jobs for this worker; then its last replies, then what it has not read, then its body."""
        dispatcher, slot, unread = self._dispatcher, self._slot, set[int]()
        early = slot.state is State.STARTING
        try:
            now = trio.current_time()
            dispatcher.staff.lose(slot, now)
            dispatcher.on_replies(slot, worker.read_all()[0], now)  # it may have ended its job just before
            self._carry_out(now)
            unread = set(iter(worker.take_back, None))
        finally:
            code = await worker.reap()
            await output.drain()
        if early and not dispatcher.closing:
            dispatcher.fault = f"a worker ended with {code} before it was ready"
            _log.warning("%s: a worker ended with %s before it was ready: %s", dispatcher.name, code, output.last_words)
        self._gone(unread, code)

    def _gone(self, unread: set[int] | tuple[()], code: int | None) -> None:
        now = trio.current_time()
        self._dispatcher.on_gone(self._slot, unread, code, now)
        self._carry_out(now)
