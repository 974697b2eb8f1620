"""What the jobs of a pool print, on its way to the program.

A worker's standard output and error are pipes, and nothing is buffered on the other side, so whatever a job printed is in
them even if its worker was killed. Each line goes, whole and in order, to the log ``trio_lab.pools`` if that takes INFO;
otherwise to the program's own standard output or error, where it would be without a pool. A line without an end, such as
a prompt, is taken for whole after `_QUIET` seconds.

Bounds keep a job that prints without end from occupying the loop. Forwarding rests nine times as long as it took, so that
all workers of a pool together take a tenth of the loop's time at most; meanwhile their pipes fill, and jobs that print
wait. Of one worker at most `_LINES` lines pass in a window of `_WINDOW` seconds; the rest of the window is read, counted,
and told in a warning at its end. If the program's standard output is a pipe that has not been read for `_PATIENCE`
seconds, lines are dropped in the same way: a write that blocks would block the loop.
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
    """One pipe. ``lines`` are whole and wait to be forwarded, ``pieces`` are what is left of the line that is written."""

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
        """Whether there is a line without an end."""
        return bool(self._begun)

    def end_line(self) -> None:
        """What was printed last ends here, without a newline."""
        if self._begun:
            self.lines.append(b"".join(self._begun))
            self._begun, self._size = [], 0


class Output:
    """The output of one worker. ``turn`` is the pool's: one worker's is forwarded at a time.

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
        with trio.move_on_after(_QUIET if stream.has_begun else inf) as waiting:
            await trio.lowlevel.wait_readable(stream.descriptor)
        if waiting.cancelled_caught:
            stream.end_line()

    def _read(self, stream: _Stream) -> bool:
        """False at the end."""
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
        text += "\n"
        stream.pieces.extend(text[begin : begin + _PIECE] for begin in range(0, len(text), _PIECE))

    def _write(self, stream: _Stream, now: float) -> bool:
        """Write the begun line. False when nobody has read the program's output, so that it would block."""
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
        """Forward what a worker that has ended has left behind, and close its pipes. It is shielded, and takes no longer than
        what they hold."""
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


def _write(target: Any, text: str) -> None:
    """Write to one of the program's own streams."""
    with suppress(AttributeError, OSError, ValueError):  # there is none; nobody reads it any more; it was closed
        encoding = getattr(target, "encoding", None) or "utf-8"
        target.write(text.encode(encoding, "backslashreplace").decode(encoding))
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
