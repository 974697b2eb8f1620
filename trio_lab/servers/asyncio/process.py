"""A worker process of the asyncio server, seen from the server: started, given one job at a time, interrupted, ended."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import NamedTuple

from ...errors import BrokenWorkerError
from ...pools.program import environment, interpreter
from ...worker.lifeline import close, keep, open_pipe
from .worker import CALL, OUTCOME


class Outcome(NamedTuple):
    """What a worker says of a job: see `worker`."""

    returned: bool
    called: float
    ended: float
    pickled: bytes


class Worker:
    """A process that runs one job at a time.

    It is signalled through its pidfd: asyncio's `kill` first asks whether the process has ended, and so takes the exit
    status away from the thread that waits for it.
    """

    def __init__(self, process: Process, lifeline: int, interrupts: int) -> None:
        self._process = process
        self._lifeline = lifeline
        self._interrupts = interrupts
        self.pid = process.pid
        self._calls = 0  # so far: the number of the last one
        self._pidfd: int | None = os.pidfd_open(process.pid)
        self.replying = False
        """Whether a part of a reply has come, and the rest has not."""
        self.proven = False
        """Whether it has finished a job."""

    @classmethod
    async def start(cls) -> Worker:
        """Returns when it is ready for its first job. Raises `BrokenWorkerError` if it ends before that."""
        opened = [*open_pipe()]  # the lifeline: the worker ends when the last writing end is closed
        try:
            opened.append(keep(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)))
            reading, writing, interrupts = opened
            command = (*interpreter(), "-m", f"{__package__}.worker", str(reading), str(interrupts))
            # A group of its own: a signal to the server's whole group must not end jobs that have the grace period.
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, pass_fds=[reading, interrupts], env=environment(), process_group=0
            )
            worker = cls(process, writing, interrupts)
        except BaseException:
            for descriptor in opened[1:]:
                close(descriptor)
            raise
        finally:
            close(opened[0])
        try:
            await worker._outcome()
        except BaseException:
            await worker.end()
            raise
        return worker

    def call(self, call: bytes) -> None:
        """Send it a job. Its `outcome` comes next."""
        self._calls += 1
        assert self._process.stdin is not None
        self._process.stdin.write(CALL.pack(len(call)) + call)

    async def outcome(self) -> Outcome:
        """What became of the job. Raises `BrokenWorkerError` if the process ends meanwhile."""
        assert self._process.stdin is not None
        with suppress(ConnectionError):  # the process has ended; reading its reply says how
            await self._process.stdin.drain()
        outcome = await self._outcome()
        self.proven = True
        return outcome

    async def _outcome(self) -> Outcome:
        assert self._process.stdout is not None
        try:
            length, returned, called, ended = OUTCOME.unpack(await self._process.stdout.readexactly(OUTCOME.size))
            self.replying = True
            pickled = await self._process.stdout.readexactly(length)
            self.replying = False
            return Outcome(returned, called, ended, pickled)
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await self._process.wait()
            raise BrokenWorkerError(f"the worker process ended with {code}", exit_code=code) from None

    async def wait(self) -> None:
        """Returns when the process has ended."""
        await self._process.wait()

    def interrupt(self) -> None:
        """End the job that was called last, if it runs Python code or has not begun; its outcome is still sent."""
        if self._pidfd is not None:
            with suppress(BlockingIOError):  # the number of an earlier job, which is over: the kernel would add the two
                os.eventfd_read(self._interrupts)
            os.eventfd_write(self._interrupts, self._calls)
            self.urge()

    def urge(self) -> None:
        """Have it look once more at what it was told: a signal that comes just before a call that sleeps does not end the
        call, and Python's handler runs after it."""
        self._signal(signal.SIGUSR1)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def end(self) -> None:
        """Kill the process, whatever it does, and wait until it is gone."""
        self.kill()
        assert self._pidfd is not None, "ended twice"
        close(self._lifeline)
        close(self._interrupts)
        os.close(self._pidfd)
        self._pidfd = None  # its last job may signal it once more
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
