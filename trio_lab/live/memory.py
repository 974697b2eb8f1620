"""Shared memory in which one process writes records and another reads them, without a lock and without a torn record.

A *page* has one writer. It has room for two records, which are written in turn, so that one of them is always whole, also when
the writer is stopped or killed in the midst of the other. The page's number says which is the newer one; it is changed last.
This is a seqlock with two places (Linux calls it a latch): a reader reads the number, copies the record, and accepts it if the
record bears that number and its checksum is right. Otherwise it was overtaken twice meanwhile, and tries again.

The checksum is there because Python has no memory barriers: on a processor that reorders writes, the number may become visible
before the record.

The memory is a memfd, so it has no name, and is gone when the last process that has it ends. Its size is only reserved: what
was never written takes no memory.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import perf_counter
from zlib import crc32

from ..worker import lifeline

_NUMBER = struct.Struct("@Q")  # in the machine's own format, which is stored in one step
_HEAD = struct.Struct("=QdII")  # number, time, length, checksum
_TRIES = 100
BEAT, STUCK, FIGURES = 64, 8_192, 1 << 20
"""The largest records of the three pages, in bytes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A record, its number (1 for the first one of its page), and when it was written, by `perf_counter`: on Linux this is one
    clock for all processes."""

    number: int
    at: float
    data: bytes


class Page:
    """A place in the memory that begins at ``offset``, for records of at most ``size`` bytes."""

    def __init__(self, memory: mmap.mmap, offset: int, size: int) -> None:
        self._memory, self._offset, self._size = memory, offset, size
        first = offset + _NUMBER.size
        self._places = (first, first + _HEAD.size + size)
        self.number = 0
        """How many records this writer has written."""

    @staticmethod
    def needs(size: int) -> int:
        """Bytes of memory for a page of such records, rounded up so that the next one's number is aligned."""
        return -(-(_NUMBER.size + 2 * (_HEAD.size + size)) // 8) * 8

    def write(self, data: bytes, clock: Callable[[], float] = perf_counter) -> None:
        """Write a record.

        Raises:
            ValueError: it is too large.
        """
        if len(data) > self._size:
            raise ValueError(f"a record of {len(data)} bytes does not fit into a page of {self._size}")
        number = self.number + 1
        place = self._places[number & 1]
        _HEAD.pack_into(self._memory, place, number, clock(), len(data), crc32(data, number & 0xFFFF_FFFF))
        begin = place + _HEAD.size
        self._memory[begin : begin + len(data)] = data
        _NUMBER.pack_into(self._memory, self._offset, number)
        self.number = number

    def clear(self) -> None:
        """There is no record any more."""
        _NUMBER.pack_into(self._memory, self._offset, 0)
        self.number = 0

    def read(self) -> Written | None:
        """The newest record; None if there is none yet."""
        for _ in range(_TRIES):
            (number,) = _NUMBER.unpack_from(self._memory, self._offset)
            if number == 0:
                return None
            place = self._places[number & 1]
            found, at, length, checksum = _HEAD.unpack_from(self._memory, place)
            if found != number or length > self._size:
                continue
            data = self._memory[place + _HEAD.size : place + _HEAD.size + length]
            if crc32(data, number & 0xFFFF_FFFF) == checksum:
                return Written(number, at, data)
        return None  # a writer that never rests: the reader keeps what it had


class Memory:
    """The three pages of a service: the watchdog's beats, what the loop is stuck in, and the figures. Both processes make one
    of the same descriptor. A service with several processes has a ``region`` for each."""

    def __init__(self, descriptor: int, region: int = 0) -> None:
        needed = sum(map(Page.needs, (BEAT, STUCK, FIGURES)))
        size = -(-needed // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        if os.fstat(descriptor).st_size < (region + 1) * size:
            os.ftruncate(descriptor, (region + 1) * size)
        self._memory = mmap.mmap(descriptor, size, offset=region * size)
        self.beat = Page(self._memory, 0, BEAT)
        self.stuck = Page(self._memory, Page.needs(BEAT), STUCK)
        self.figures = Page(self._memory, Page.needs(BEAT) + Page.needs(STUCK), FIGURES)

    def clear(self) -> None:
        """Forget what was written, for a new writer. The old one must have ended."""
        for page in (self.beat, self.stuck, self.figures):
            page.clear()

    def close(self) -> None:
        self._memory.close()


@contextmanager
def new_memory(region: int = 0) -> Iterator[tuple[int, Memory]]:
    """New memory up to a region, for the length of the block, and its descriptor. Forked processes close it."""
    descriptor = lifeline.keep(os.memfd_create("trio_lab live", os.MFD_CLOEXEC))
    try:
        with closing(Memory(descriptor, region)) as memory:
            yield descriptor, memory
    finally:
        lifeline.close(descriptor)
