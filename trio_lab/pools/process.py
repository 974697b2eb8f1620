"""One worker process seen from the pool: spawn it, give it jobs, take jobs back, read its replies, end it, reap it.

A plain subprocess of ours (no multiprocessing: it works under a daemonic parent too, as hypercorn's own command makes
one), in a process group of its own, so that a Ctrl-C in the terminal reaches the pool's process alone and jobs end in
order. Its death is seen on a pidfd: end-of-file on the pipe would not do, since a job that forked leaves a process
behind that holds it open.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import signal
import subprocess
from collections import deque

import trio

from ..worker import lifeline
from ..worker.frames import JOB, PACKET, READY, SHORT, Pieces, Reply, ReplyReader
from .program import boot, environment, hello, interpreter

_CHUNK = 1 << 18  # one read of replies; small ones come by the dozen, of a large one this is the share of one pass
_BULK = 1 << 20  # capacity asked for the pipes of large calls and replies: fewer, larger writes
_IMPORT_TIME = 30.0  # seconds a child may take to say that it is ready; a loaded machine may well need several

_BOOT = boot("trio_lab.worker.child")


class _Pipes:
    """All pipes of one worker. Ours are closed by `close`, the child's by `close_childs`."""

    def __init__(self) -> None:
        self._open: list[int] = []
        try:
            packets_read, self.packets = self._pipe(os.O_DIRECT)
            calls_read, self.calls = self._pipe()
            self.replies, replies_write = self._pipe()
            lifeline_read, _ = self._pipe()
            self.output, output_write = self._pipe()
            self.errors, errors_write = self._pipe()
            # It holds the number of the job to interrupt.
            self.interrupts = self.keep(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            # A description of its own: whether reads block is a property of the description, and the child's must.
            self.taking_back = self.keep(
                os.open(f"/proc/self/fd/{packets_read}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            )
        except OSError:
            self.discard()
            raise
        self.childs = (packets_read, calls_read, replies_write, lifeline_read)
        self.passed = (*self.childs, self.interrupts)
        self.childs_output = (output_write, errors_write)
        for ours in (self.packets, self.calls, self.replies, self.output, self.errors):
            os.set_blocking(ours, False)
        for bulky in (self.calls, self.replies):
            with contextlib.suppress(OSError):  # over /proc/sys/fs/pipe-max-size, or the user's share is used up
                fcntl.fcntl(bulky, fcntl.F_SETPIPE_SZ, _BULK)

    def _pipe(self, flags: int = 0) -> tuple[int, int]:
        ends = lifeline.open_pipe(flags)
        self._open += ends
        return ends

    def keep(self, descriptor: int) -> int:
        kept = lifeline.keep(descriptor)
        self._open.append(kept)
        return kept

    def close_childs(self) -> None:
        for descriptor in (*self.childs, *self.childs_output):
            lifeline.close(descriptor)
            self._open.remove(descriptor)

    def close_one(self, descriptor: int) -> None:
        if descriptor in self._open:
            trio.lowlevel.notify_closing(descriptor)
            lifeline.close(descriptor)
            self._open.remove(descriptor)

    def give_away(self, descriptor: int) -> int:
        self._open.remove(descriptor)
        return descriptor

    def discard(self) -> None:
        """Close all, while no task waits for any of them; in any thread."""
        while self._open:
            lifeline.close(self._open.pop())

    def close(self) -> None:
        for descriptor in list(self._open):
            self.close_one(descriptor)


class WorkerProcess:
    """A child process and the pipes to it. Made by `WorkerProcess.spawn`; `reap` must be called at the end."""

    def __init__(self, process: subprocess.Popen[bytes], pipes: _Pipes) -> None:
        self._process = process
        self._pipes = pipes
        self._pidfd = pipes.keep(os.pidfd_open(process.pid))
        self._reader = ReplyReader()
        self._unsent: deque[memoryview] = deque()
        self._something_unsent = trio.Event()
        self._packets = pipes.packets
        self.replies = pipes.replies

    def __repr__(self) -> str:
        return f"<WorkerProcess pid {self.pid}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def spawn(
        cls, limiter: trio.CapacityLimiter, *, nicer: int, memory: int | None, command: list[str] | None = None
    ) -> WorkerProcess:
        """Start a child. Forking blocks for a millisecond or more, so it is done in a thread, under a limiter of its
        own: a child must be had even when every thread of other pools is taken. While a child starts it takes twice as many
        descriptors as later, so pools let few start at a time.

        Raises:
            OSError: no process or descriptor is to be had now.
        """
        full, env = command or [*interpreter(), "-c", _BOOT], environment()

        def start() -> WorkerProcess:
            pipes = _Pipes()
            try:
                process = subprocess.Popen(
                    [*full, *map(str, pipes.passed)],
                    stdin=subprocess.DEVNULL,
                    stdout=pipes.childs_output[0],
                    stderr=pipes.childs_output[1],
                    pass_fds=pipes.passed,
                    env=env,
                    process_group=0,
                )
                pipes.close_childs()
                try:
                    return cls(process, pipes)
                except OSError:  # no descriptor left for the pidfd
                    process.kill()
                    process.wait()
                    raise
            except BaseException:
                pipes.discard()
                raise

        # Not abandoned on cancel: the child must have an owner, who ends it.
        try:
            worker = await trio.to_thread.run_sync(start, limiter=limiter)
        except RuntimeError as error:  # can't start new thread
            raise BlockingIOError(errno.EAGAIN, str(error)) from error
        worker.send(READY, math.inf, Pieces().add(tuple(hello(nicer, memory))), 0)
        return worker

    async def wait_ready(self) -> bool:
        """True when the child has said that it is ready; False when it died or hung instead."""
        with trio.move_on_after(_IMPORT_TIME):
            while True:
                replies = self.read()
                if replies is None:
                    await trio.lowlevel.wait_readable(self.replies)
                else:
                    return bool(replies)
        return False

    def send(self, number: int, deadline: float, call: bytes | Pieces, split: int) -> bool:
        """Hand a job to the child; False when its pipe is full. The first ``split`` bytes of ``call`` are the function
        (see `Calls.write`); ``deadline`` is by `time.monotonic`, infinite for none."""
        if type(call) is bytes and len(call) <= SHORT:
            packet = JOB.pack(number, deadline, 0, split) + call
        else:
            self._send_call(call)
            packet = JOB.pack(number, deadline, len(call), split)
        try:
            os.write(self._packets, packet)  # never broken, for we hold a reading end
        except BlockingIOError:
            return False
        return True

    def _send_call(self, call: bytes | Pieces) -> None:
        """Write as much of a large call as its pipe takes now; `write_unsent` writes the rest. The pipe of packets is empty
        then and takes one more, for the job is alone with its worker: nothing is sent ahead before or behind it."""
        for part in [call] if isinstance(call, bytes) else call.parts:
            rest = memoryview(part)
            if not self._unsent:
                rest = rest[self._write_call(rest) :]
            if rest:
                self._unsent.append(rest)
                self._something_unsent.set()

    def _write_call(self, data: memoryview) -> int:
        try:
            return os.write(self._pipes.calls, data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            return len(data)  # the child is dead; whoever waits for its replies learns it there

    async def write_unsent(self) -> None:
        """Runs for the life of the worker: sends of large calls what the pipe did not take at once."""
        while True:
            await self._something_unsent.wait()
            while self._unsent:
                try:
                    await trio.lowlevel.wait_writable(self._pipes.calls)
                except trio.ClosedResourceError:
                    return  # `ask_to_end` came between
                if not self._unsent:
                    break  # as above, while we were being woken
                rest = self._unsent.popleft()
                rest = rest[self._write_call(rest) :]
                if rest:
                    self._unsent.appendleft(rest)
            self._something_unsent = trio.Event()

    def take_back(self) -> int | None:
        """The number of the next job that the child has not read, which it now will not; None when there is none."""
        try:
            packet = os.read(self._pipes.taking_back, PACKET)
        except BlockingIOError:
            return None
        return int(JOB.unpack_from(packet)[0]) if packet else None

    def read(self) -> list[Reply] | None:
        """Replies that have come; None when none has come now, an empty list when the child will send no more."""
        while True:
            try:
                data = os.read(self.replies, _CHUNK)
            except BlockingIOError:
                return None
            if not data:
                return []
            if replies := self._reader.feed(data):
                return replies
            return None  # a piece of a large one: let the others run before the next

    def read_all(self) -> tuple[list[Reply], int]:
        """All replies that the pipe holds, and how many bytes it held of one that is not whole."""
        replies: list[Reply] = []
        for _ in range(_BULK // _CHUNK + 1):
            try:
                data = os.read(self.replies, _CHUNK)
            except BlockingIOError:
                break
            if not data:
                break
            replies += self._reader.feed(data)
        return replies, self._reader.unfinished

    def take_output(self) -> dict[str, int]:
        """The descriptors of what the child prints, by the names of its streams. Whoever takes them closes them."""
        return {
            "stdout": self._pipes.give_away(self._pipes.output),
            "stderr": self._pipes.give_away(self._pipes.errors),
        }

    async def wait_dead(self) -> None:
        """Returns when the process has ended, whoever still holds its pipes."""
        await trio.lowlevel.wait_readable(self._pidfd)

    def ask_to_end(self) -> None:
        """Close the pipes of jobs: an idle child ends by itself, a busy one after its job."""
        self._unsent.clear()
        self._pipes.close_one(self._pipes.packets)
        self._pipes.close_one(self._pipes.calls)

    def interrupt(self, job: int) -> None:
        """Ask that job to end: if it is still running, an exception is raised in it at the next line of Python."""
        os.eventfd_write(self._pipes.interrupts, job)
        self._signal(signal.SIGUSR1)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> bool:
        """False when the process has ended and something else has reaped it: the program ignores SIGCHLD, or some code of it
        waits for every child."""
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            return False
        return True

    async def reap(self) -> int | None:
        """Kill what still runs, wait for the end, close every descriptor. Returns the exit code (negative: a signal), None when
        it is not known.

        Shielded, because a child without a parent that waits for it stays in the process table; short, because nothing
        survives SIGKILL for long.
        """
        if self._signal(signal.SIGKILL):  # by itself too: a job may have moved it to another group
            # The whole group, with whatever jobs have left behind. The number cannot be another's yet: the child is not reaped.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        with trio.CancelScope(shield=True):
            await self.wait_dead()
        code = self._exit_code()
        self._pipes.close()
        return code

    def _exit_code(self) -> int | None:
        """Reap the dead process. None when something else has done it; `Popen.wait` would return 0 then."""
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            code = None
        self._process.returncode = code or 0  # otherwise Popen would wait for it again when it is deleted
        return code
