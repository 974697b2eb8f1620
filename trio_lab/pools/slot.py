"""Where one worker lives, and the next one after it: the attendant task that owns a child from spawn to reaping.

Everything that is specific to a child's life happens here; what to do with jobs is the pool's affair (`Host`).
"""

from __future__ import annotations

import logging
import math
from collections import deque
from functools import partial
from typing import Protocol

import trio
from trio_util import AsyncBool, wait_any

from ..worker.frames import Reply
from .job import Job
from .process import Worker
from .restart import RestartBudget

_log = logging.getLogger("trio_lab.pools")

_LINES_A_SECOND = 20  # of a job's output that go to the log; the rest is counted
_WAITS = 16  # times to wait without a look, after a look that found nothing
_TAIL = 400  # characters of a dead worker's last words that are kept


class Host(Protocol):
    """What a slot asks of its pool."""

    name: str
    closing: trio.Event

    @property
    def budget(self) -> RestartBudget: ...

    async def spawn(self, *, replaces: bool) -> Worker: ...
    def on_ready(self, slot: Slot) -> None: ...
    def on_replies(self, slot: Slot, replies: list[Reply]) -> None: ...
    def on_leaving(self, slot: Slot) -> None: ...
    def on_gone(self, slot: Slot, unread: set[int], code: int) -> None: ...


class Slot:
    """One worker's place in the pool."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.wanted = AsyncBool(True)
        self.worker: Worker | None = None
        self.ready = False
        self.jobs: deque[Job] = deque()
        """Jobs given to the worker, oldest first. The first is running, or about to."""
        self.run_due = math.inf
        """When the running job will have run too long."""
        self.interrupted = False
        self.retiring = False
        """The worker gets no more jobs: it ends after those it has."""
        self.wanted_to_end = False
        """And that is what we asked of it."""
        self.lost = False
        """The worker before died unasked."""
        self.served = 0
        self.started = 0.0
        """When its start was granted."""
        self.since = math.inf
        """When the worker became ready; never as yet."""
        self.idle_since = 0.0
        self.last_words = ""

    def __repr__(self) -> str:
        state = "none" if self.worker is None else "busy" if self.jobs else "idle" if self.ready else "starting"
        return f"<Slot {state}, {len(self.jobs)} jobs>"

    def end_worker(self) -> None:
        """Let the worker end after the jobs it has been given."""
        self.retiring = self.wanted_to_end = True
        if self.worker is not None and not self.jobs:
            self.worker.ask_to_end()

    async def attend(self) -> None:
        """Runs for the life of the pool: a worker after the other, as long as one is wanted here."""
        while not self._host.closing.is_set():
            await wait_any(partial(self.wanted.wait_value, True), self._host.closing.wait)
            if not await self._may_start():
                return
            try:
                worker = await self._host.spawn(replaces=self.lost)
            except OSError as error:
                self._host.budget.died(trio.current_time(), self.started)
                _log.warning("%s cannot start a worker: %s", self._host.name, error)
                self._host.on_gone(self, set(), 0)
                continue
            await self._live(worker)

    async def _may_start(self) -> bool:
        """Waits as long as the restart policy says, and then takes the start; False when the pool closes first.

        Looks again after each wait: several slots wait for the same moment, and only one of them can have it.
        """
        budget, closing = self._host.budget, self._host.closing
        while (due := budget.next_start(now := trio.current_time())) > now:
            with trio.move_on_at(due):
                await closing.wait()
            if closing.is_set():
                return False
        self.started = now
        budget.started(now)
        return not closing.is_set()

    async def _live(self, worker: Worker) -> None:
        self.worker = worker
        self.served = 0
        self.since = math.inf
        self.interrupted = False
        self.retiring = self.wanted_to_end = not self.wanted.value  # it may have become one too many while it started
        if self.wanted_to_end:
            worker.ask_to_end()
        self.run_due = math.inf
        try:
            await self._serve(worker)
        finally:
            await self._bury(worker)

    async def _bury(self, worker: Worker) -> None:
        """The worker has died, or has to: no more jobs for it, then its last replies, then its body, then its jobs."""
        was_ready, self.ready, self.retiring = self.ready, False, True
        try:
            if was_ready:
                self._host.on_leaving(self)
                while replies := worker.read():  # it may have ended its job just before
                    self._host.on_replies(self, replies)
            unread = set(iter(worker.take_back, None))
        finally:
            code = await worker.reap()
            self.worker = None
        self.lost = not self.wanted_to_end
        if not was_ready and self.lost and not self._host.closing.is_set():
            _log.warning("%s: a worker ended with %s before it was ready: %s", self._host.name, code, self.last_words)
        self._host.on_gone(self, unread, code)

    async def _serve(self, worker: Worker) -> None:
        """Returns when the worker has died, or has to."""

        async def until_dead() -> None:
            await worker.wait_dead()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_dead)
            nursery.start_soon(worker.write_unsent)
            nursery.start_soon(self._forward_output, worker)
            if await worker.wait_ready() and not self._host.closing.is_set():
                self.ready = True
                self._host.on_ready(self)
                await self._read_replies(worker)
            nursery.cancel_scope.cancel()

    async def _read_replies(self, worker: Worker) -> None:
        """Reads again before it waits, as long as that pays.

        The next replies may be there when the callers have run, and then arming epoll would have been for nothing; or
        they may not, and then the read was, and the step that it took. What was so a moment ago is likely to be so again.
        """
        waits = 0
        while True:
            replies = worker.read()
            if replies is None:
                waits = _WAITS
            elif not replies:
                return
            else:
                self._host.on_replies(self, replies)
                if not waits:
                    await trio.lowlevel.checkpoint()
                    continue
                waits -= 1
            await trio.lowlevel.wait_readable(worker.replies)

    async def _forward_output(self, worker: Worker) -> None:
        """What jobs print goes to the log, a line each, and no faster than anybody could read it."""
        second, lines = 0.0, 0
        async with trio.lowlevel.FdStream(worker.take_output()) as stream:
            async for data in stream:
                text = bytes(data).decode(errors="replace").rstrip("\n")
                self.last_words = (self.last_words + "\n" + text)[-_TAIL:].strip()
                now = trio.current_time()
                if now - second >= 1.0:
                    second, lines = now, 0
                for line in text.split("\n"):
                    lines += 1
                    if lines <= _LINES_A_SECOND:
                        _log.info("worker %d: %s", worker.pid, line[:1000])
                    elif lines == _LINES_A_SECOND + 1:
                        _log.info("worker %d prints more than is logged", worker.pid)
