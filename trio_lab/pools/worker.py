"""One worker process seen from the pool: spawn it, give it jobs, read its replies, end it, reap it.

A plain subprocess of ours (no multiprocessing: it works under a daemonic parent too, as hypercorn's own command makes
one), in a process group of its own, so that a Ctrl-C in the terminal reaches the pool's process alone and jobs end in
order. Its death is seen on a pidfd: end-of-file on the pipe would not do, since a job that forked leaves a process
behind that holds it open.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import trio

from ..frames import FrameReader, Hello, dump, frame

_CHUNK = 1 << 16  # a pipe's own size: larger reads return no more
_IMPORT_TIME = 30.0  # seconds a child may take to say READY; a loaded machine may well need several

# With -P nothing that lies in the working directory can shadow a module of the standard library; the pool's whole
# sys.path comes with the Hello.
_BOOT = f"import sys; sys.path.append({str(Path(__file__).parents[2])!r}); from trio_lab.child import main; main()"


class _Pipes(NamedTuple):
    """Our ends, then the child's."""

    jobs: int
    replies: int
    lifeline: int
    child_ends: tuple[int, int, int]


def _open_pipes() -> _Pipes:
    jobs_read, jobs_write = os.pipe()
    replies_read, replies_write = os.pipe()
    lifeline_read, lifeline_write = os.pipe()
    for descriptor in (jobs_write, replies_read):
        os.set_blocking(descriptor, False)
    return _Pipes(jobs_write, replies_read, lifeline_write, (jobs_read, replies_write, lifeline_read))


def main_file() -> str | None:
    """The file of this process's ``__main__``, for jobs that are defined in it; None in an interactive session."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return os.path.abspath(file) if file and os.path.exists(file) else None


class Worker:
    """A child process and the pipes to it. Made by `Worker.spawn`; `reap` must be called at the end."""

    def __init__(self, process: subprocess.Popen[bytes], pipes: _Pipes) -> None:
        self._process = process
        self._pipes = pipes
        self._pidfd = os.pidfd_open(process.pid)
        self._reader = FrameReader()
        self._unsent: deque[memoryview] = deque()
        self._something_unsent = trio.Event()
        self._refused = False  # the last write found nobody at the other end

    def __repr__(self) -> str:
        return f"<Worker pid {self.pid}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def spawn(cls, limiter: trio.CapacityLimiter, nicer: int) -> Worker:
        """Start a child. Forking blocks for a millisecond or more, so it is done in a thread, under a limiter of its
        own: a child must be had even when every thread of other pools is taken.

        Raises:
            OSError: no process or descriptor is to be had now.
        """
        pipes = _open_pipes()
        command = [sys.executable, "-P", "-c", _BOOT, *map(str, pipes.child_ends)]

        def start() -> Worker:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=pipes.child_ends, process_group=0)
            try:
                return cls(process, pipes)
            except OSError:  # no descriptor left for the pidfd
                process.kill()
                process.wait()
                raise

        try:
            # Not abandoned on cancel: the child must have an owner, who ends it.
            worker = await trio.to_thread.run_sync(start, limiter=limiter)
        except BaseException:
            for descriptor in pipes[:3]:
                os.close(descriptor)
            raise
        finally:
            for descriptor in pipes.child_ends:
                os.close(descriptor)
        worker.send(dump(tuple(Hello(list(sys.path), main_file(), nicer))))
        return worker

    async def wait_ready(self) -> bool:
        """True when the child has said that it is ready; False when it died or hung instead."""
        with trio.move_on_after(_IMPORT_TIME):
            return bool(await self.read())
        return False

    def send(self, body: bytes) -> None:
        """Hand a frame to the child, at once as far as the pipe takes it; the rest goes out by `write_unsent`."""
        rest = memoryview(frame(body))
        if not self._unsent:
            rest = rest[self._write(rest) :]
        if rest:
            self._unsent.append(rest)
            self._something_unsent.set()

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._pipes.jobs, data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self._refused = True
            return len(data)  # the child is dead; whoever waits for its replies learns it there

    async def write_unsent(self) -> None:
        """Runs for the life of the worker: sends what the pipe did not take at once."""
        while True:
            await self._something_unsent.wait()
            while self._unsent:
                try:
                    await trio.lowlevel.wait_writable(self._pipes.jobs)
                except trio.ClosedResourceError:
                    return  # `ask_to_end` came between
                rest = self._unsent.popleft()
                rest = rest[self._write(rest) :]
                if rest:
                    self._unsent.appendleft(rest)
            self._something_unsent = trio.Event()

    async def read(self) -> list[bytes]:
        """The next replies, as many as have come; an empty list when the child will send no more."""
        while True:
            await trio.lowlevel.wait_readable(self._pipes.replies)
            try:
                data = os.read(self._pipes.replies, _CHUNK)
            except BlockingIOError:
                continue
            if data == b"":
                return []
            if bodies := self._reader.feed(data):
                return bodies

    def leftovers(self) -> Iterable[bytes]:
        """Replies that a dead child had still written."""
        try:
            while data := os.read(self._pipes.replies, _CHUNK):
                yield from self._reader.feed(data)
        except BlockingIOError:
            pass

    def left_unread(self) -> bool:
        """Whether the last frame sent was still on its way when the child died: then its job never began.

        The kernel tells how many bytes are in a pipe, at either end. A frame of which anything is left there was not read
        as a whole, so its job did not begin. (One that was read as a whole may not have begun either; nobody can tell.)
        """
        if self._unsent or self._refused:
            return True
        if self._pipes.jobs < 0:
            return False
        (unread,) = struct.unpack("i", fcntl.ioctl(self._pipes.jobs, termios.FIONREAD, bytes(4)))
        return bool(unread)

    async def wait_dead(self) -> None:
        """Returns when the process has ended, whoever still holds its pipes."""
        await trio.lowlevel.wait_readable(self._pidfd)

    def ask_to_end(self) -> None:
        """Close the pipe of jobs: an idle child ends by itself, a busy one after its job."""
        if self._pipes.jobs >= 0:
            trio.lowlevel.notify_closing(self._pipes.jobs)
            os.close(self._pipes.jobs)
            self._pipes = self._pipes._replace(jobs=-1)
            self._unsent.clear()

    def kill(self) -> None:
        self._process.kill()  # does nothing once the child has been reaped

    async def reap(self) -> int:
        """Kill what still runs, wait for the end, close every descriptor; returns the exit code (negative: a signal).

        Shielded, because a child without a parent that waits for it stays in the process table; bounded, because
        nothing survives SIGKILL for long.
        """
        self._process.kill()
        with trio.CancelScope(shield=True):
            await self.wait_dead()
        code = self._process.wait()
        self.ask_to_end()
        for descriptor in (self._pipes.replies, self._pipes.lifeline, self._pidfd):
            trio.lowlevel.notify_closing(descriptor)
            os.close(descriptor)
        return code
