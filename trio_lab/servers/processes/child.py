"""One process seen from the supervisor: start it, hear whether it is ready, tell it something, wait for its end.

It is started as a worker is: a plain subprocess in a process group of its own, so that Ctrl-C in a terminal reaches the
supervisor alone, with a lifeline, so that it ends with the supervisor however that ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

from ...pools.program import environment
from ...worker import lifeline
from .actions import Death
from .order import Order

Command = Callable[[int, int], Sequence[str]]
"""The command of a process, from the descriptors of its channel and of its lifeline."""


class Child:
    """Made by `Child.start`. `wait` must be called, and returns when the process has ended."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket, line: int) -> None:
        self._process, self._channel, self._lifeline = process, channel, line
        self._pidfd = lifeline.keep(os.pidfd_open(process.pid))
        self._error, self._usage, self._heard = "", False, b""

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    def start(cls, command: Command, order: Order) -> Child:
        """Blocks for some milliseconds.

        Raises:
            OSError: no process or descriptor is to be had now.
        """
        reading, writing = lifeline.open_pipe()
        ours: socket.socket | None = None
        try:
            ours, its = socket.socketpair()
            with its:
                process = subprocess.Popen(
                    command(its.fileno(), reading),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(its.fileno(), reading, *order.descriptors),
                    env=environment(),
                    process_group=0,
                )
            try:
                ours.setblocking(False)
                ours.send(order.to_line())  # far less than what a new pair of sockets takes
                return cls(process, ours, writing)
            except OSError:
                process.kill()
                process.wait()
                raise
        except BaseException:
            if ours is not None:
                ours.close()
            lifeline.close(writing)
            raise
        finally:
            lifeline.close(reading)

    async def wait(self, ready: Callable[[], None]) -> Death:
        """How it has ended. ``ready`` is called when it accepts connections. If this is cancelled the process is killed."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, ready)
                await trio.lowlevel.wait_readable(self._pidfd)
                nursery.cancel_scope.cancel()
            self._hear(lambda: None)  # its last words
        finally:
            self.kill()
            code = self._process.wait()  # at once: it has ended, or ends by SIGKILL
            lifeline.close(self._pidfd)
            lifeline.close(self._lifeline)
            self._channel.close()
        return Death(code, self._error, self._usage)

    async def _listen(self, ready: Callable[[], None]) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._channel)
            if not self._hear(ready):
                return

    def _hear(self, ready: Callable[[], None]) -> bool:
        """Take in what it has said; False when it will say no more."""
        try:
            data = self._channel.recv(65_536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        *lines, self._heard = (self._heard + data).split(b"\n")
        for said in map(json.loads, lines):
            self._error, self._usage = said.get("error", self._error), said.get("usage", self._usage)
            if said.get("ready"):
                ready()
        return bool(data)

    def tell(self, word: bytes) -> None:
        with suppress(OSError):  # it is about to end, or does not read
            self._channel.send(word + b"\n")

    def terminate(self) -> None:
        """Also if it is stopped: then it goes on, and ends."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)
