"""Forwards to the program what the jobs of its pool print.

A worker's standard output and error are pipes, and the worker does not buffer what it writes to them. So they contain
everything that a job printed, even if its worker was killed. Each line goes, whole and in order, to the log
``trio_lab.pools`` if that takes INFO, otherwise to the program's own standard output or error. A line that has not ended
after `_QUIET` seconds, such as a prompt, is forwarded as it is.

A job may print without end, and must not keep the loop busy. So there are three bounds:

- After each step, forwarding rests nine times as long as the step took. All workers of a pool together take at most a tenth
  of the loop's time. Meanwhile their pipes fill up, and jobs that print wait.
- In each window of `_WINDOW` seconds at most `_LINES` lines of one worker are forwarded. The others are dropped, and a
  warning at the end of the window tells how many.
- A write that blocks would block the loop. If the program's standard output is a pipe that nobody has read for `_PATIENCE`
  seconds, lines are dropped and counted as well.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import struct
import sys
import termios
from collections import deque
from contextlib import suppress
from math import inf
from time import perf_counter
from typing import Any

import trio

from ..worker import lifeline

_log = logging.getLogger("trio_lab.pools")

_WINDOW = 5.0
_LINES = 10_000
_LINE = 256  # bytes: a longer line counts as several
_LONGEST = 1 << 20  # bytes: a longer line is cut
_CHUNK = 1 << 16  # bytes read at a time: what a pipe holds
_BATCH = 50  # lines forwarded in one step of the loop; long ones count as several
_REST, _LEAST_REST = 9.0, 0.01  # after a step: times as long as it took, and at least so many seconds
_PATIENCE = 1.0
_QUIET = 1.0
_PIECE = 1000  # characters written at a time: a pipe that can be written to takes 4096 bytes without blocking
_TAIL = 400  # bytes of a dead worker's last words that are kept


class _Stream:
    """One pipe. ``lines`` are complete and wait to be forwarded; ``pieces`` are the rest of a line that is partly written."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor
        self.lines: deque[bytes] = deque()
        self.pieces: deque[str] = deque()
        self.blocked_since = inf
        self._begun: list[bytes] = []  # of a line that has no end yet
        self._size = 0

    def feed(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        if whole:
            whole[0] = b"".join((*self._begun, whole[0]))
            self._begun, self._size = [], 0
            self.lines.extend(whole)
        if rest:
            self._begun.append(rest)
            self._size += len(rest)
        if self._size > _LONGEST:
            self.end_line()

    @property
    def has_begun(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._begun)

    def end_line(self) -> None:
        """Take what has come of a line as a complete one."""
        if self._begun:
            self.lines.append(b"".join(self._begun))
            self._begun, self._size = [], 0


class Output:
    """The output of one worker. ``turn`` is shared by the pool's workers: one of them is served at a time.

    ``printed`` are the descriptors of its pipes by the names of its streams; they do not block. `drain` closes them.
    """

    def __init__(self, pid: int, printed: dict[str, int], turn: trio.Lock) -> None:
        self._pid = pid
        self._streams = [_Stream(name, descriptor) for name, descriptor in printed.items()]
        self._turn = turn
        self._window = trio.current_time() + _WINDOW
        self._left = _LINES
        self._dropped = 0
        self._tail = b""

    @property
    def last_words(self) -> str:
        return self._tail.decode("utf-8", "backslashreplace").strip()

    async def forward(self) -> None:
        """Runs until the worker and every process that it started have closed its streams."""
        async with trio.open_nursery() as nursery:
            for stream in self._streams:
                nursery.start_soon(self._forward_stream, stream)

    async def _forward_stream(self, stream: _Stream) -> None:
        is_open = True
        while is_open or stream.lines or stream.pieces:
            if not (stream.lines or stream.pieces):
                await self._wait_for_more(stream)
            async with self._turn:
                begun = perf_counter()
                if not (stream.lines or stream.pieces):
                    is_open = self._read(stream)
                self._step(stream)
                await trio.sleep(max(_LEAST_REST, _REST * (perf_counter() - begun)))

    async def _wait_for_more(self, stream: _Stream) -> None:
        quiet = _QUIET if stream.has_begun else inf
        window = max(0.0, self._window - trio.current_time()) if self._dropped else inf
        with trio.move_on_after(min(quiet, window)) as waiting:
            await trio.lowlevel.wait_readable(stream.descriptor)
        if waiting.cancelled_caught and quiet <= window:
            stream.end_line()
        elif waiting.cancelled_caught:
            self._tell_dropped()

    def _read(self, stream: _Stream) -> bool:
        """Read once; False at end-of-file."""
        try:
            data = os.read(stream.descriptor, _CHUNK)
        except BlockingIOError:
            return True
        self._tail = (self._tail + data[-_TAIL:])[-_TAIL:]
        stream.feed(data)
        return bool(data)

    def _step(self, stream: _Stream) -> None:
        """Forward some lines."""
        now = trio.current_time()
        if now >= self._window:
            self._tell_dropped()
            self._window, self._left = now + _WINDOW, _LINES
        enough = self._left - _BATCH
        while self._left > enough:
            if not stream.pieces:
                if not stream.lines or self._left <= 0:
                    break
                self._begin_line(stream, stream.lines.popleft(), now)
            if stream.pieces and not self._write(stream, now):
                return
        if self._left <= 0:
            self._drop(stream)

    def _begin_line(self, stream: _Stream, line: bytes, now: float) -> None:
        self._left -= 1 + len(line) // _LINE
        text = line.decode("utf-8", "backslashreplace")
        if _log.isEnabledFor(logging.INFO) and _log.hasHandlers():
            _log.info("worker %d: %s", self._pid, text)
            return
        text = _encodable(getattr(sys, stream.name), text + "\n")
        stream.pieces.extend(text[begin : begin + _PIECE] for begin in range(0, len(text), _PIECE))

    def _write(self, stream: _Stream, now: float) -> bool:
        """Write what is left of a line. False if the write would block."""
        target = getattr(sys, stream.name)
        while stream.pieces:
            if not _is_writable(target):
                stream.blocked_since = min(stream.blocked_since, now)
                if now - stream.blocked_since > _PATIENCE:
                    self._drop(stream)
                return False
            stream.blocked_since = inf
            _write(target, stream.pieces.popleft())
        return True

    def _drop(self, stream: _Stream) -> None:
        self._dropped += len(stream.lines) + bool(stream.pieces)
        stream.lines.clear()
        stream.pieces.clear()

    def _tell_dropped(self) -> None:
        if self._dropped:
            _log.warning("worker %d printed too much: %d lines were dropped", self._pid, self._dropped)
            self._dropped = 0

    async def drain(self) -> None:
        """Forward what is left in the pipes of a worker that has ended, and close them. Shielded; there is no more to forward
        than two pipes hold."""
        with trio.CancelScope(shield=True):
            for stream in self._streams:
                left = struct.unpack("i", fcntl.ioctl(stream.descriptor, termios.FIONREAD, bytes(4)))[0]
                while left > 0 and self._read(stream):
                    left -= _CHUNK
                trio.lowlevel.notify_closing(stream.descriptor)
                lifeline.close(stream.descriptor)
                stream.end_line()
                while stream.lines or stream.pieces:
                    self._step(stream)
                    await trio.sleep(_LEAST_REST if stream.pieces else 0)
        self._tell_dropped()


def _encodable(target: Any, text: str) -> str:
    """The text as this stream can write it: what its encoding does not have becomes longer."""
    encoding = getattr(target, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _write(target: Any, text: str) -> None:
    """Write to one of the program's own streams."""
    with suppress(AttributeError, OSError, ValueError):  # there is none; its reader is gone; it was closed
        target.write(text)
        target.flush()


def _is_writable(target: Any) -> bool:
    """Whether some kilobytes can be written at once."""
    try:
        descriptor = target.fileno()
    except (AttributeError, OSError, ValueError):  # not a file of the system
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
