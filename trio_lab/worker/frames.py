"""How a pool and its worker talk. Standard library only: both ends use it.

Jobs go to the worker through a pipe in packet mode (`O_DIRECT`, see pipe(2)): what one write puts in, one read takes out,
whole. So a job that the worker has not read yet is still in the pipe as a whole, and the pool, which keeps the reading
end open too, can take it back: to give it to a worker that has become idle, or because its caller has left, its deadline
has passed or its worker died. A job whose arguments do not fit into a packet goes in two parts: the packet says how long
the call is, and the call itself follows through a pipe of its own, in large pieces.

Replies come back through an ordinary pipe, as frames: there the pool wants to read many at once.

Both ends run the same code of the same version, so nothing here carries a version.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, NamedTuple

from .main_module import Main

PACKET = 4096  # PIPE_BUF on Linux: the longest write that stays one packet

# job number; deadline by the monotonic clock, which is one for all processes of a machine (infinite: none); length of a call
# that follows through the other pipe (0: it is in the packet); how many bytes of the call are the pickled function, and
# the rest its pickled arguments, if it has any (0: the call is one pickle of both)
JOB = struct.Struct("<QdQI")

SHORT = PACKET - JOB.size  # the longest call that fits into a packet

# length of the value; job number; how it ended; when it began, by the monotonic clock; seconds it ran
REPLY = struct.Struct("<QQBdd")

# How a job ended. The value is the pickled result, or for RAISED the pickled `Failure`.
RETURNED, RETURNED_NONE, RAISED, EXPIRED, CANCELLED = range(5)

READY = 0  # the job number of a worker's first frame, which says that it has started; no job has it


class Hello(NamedTuple):
    """What a worker must know before its first job."""

    sys_path: list[str]
    argv: list[str]
    main: Main
    """The module whose functions a job may name as ``__main__``; it is run only when such a job comes."""
    depth: int
    """How many pools lie above the worker: 1, unless a job opened its pool."""
    nicer: int
    memory: int | None
    """Bytes of data the worker may have (RLIMIT_DATA), None for no bound."""


class Failure(NamedTuple):
    """Why a job has no result. ``error`` is the pickled exception, None when it would not arrive as what it is."""

    error: bytes | None
    told: str
    """What went wrong, in a line or a few."""
    traceback: str


# The end of one job: its number, how it ended, when it began, the seconds it ran, the value. A plain tuple: there are very
# many of them.
Reply = tuple[int, int, float, float, bytes | memoryview]


def dump(value: Any) -> bytes:
    """Pickle with the newest protocol: it is the fastest, and both ends are the same Python."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


class Pieces:
    """A pickle in pieces, in order. A large string of bytes in what was pickled is one of them, and is not copied.

    Pickling 10 MB into one string takes ten times as long: the string grows again and again, and is copied each time.
    """

    __slots__ = ("parts", "size")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def write(self, data: Any) -> None:
        """What a pickler calls. What might change before it is sent is copied after all."""
        part = data if type(data) is bytes else bytes(data)
        self.parts.append(part)
        self.size += len(part)

    def add(self, value: Any) -> Pieces:
        pickle.Pickler(self, pickle.HIGHEST_PROTOCOL).dump(value)
        return self


_FLAT = frozenset((bytes, bytearray, str))
_LARGE = 1 << 16  # bytes or characters: from this size on pickle hands a string on as a piece of its own


def is_large(value: Any) -> bool:
    """Whether it is worth to pickle a value in pieces. Looks at nothing but strings: to find them in lists and objects would
    cost every small value more than it saves the large ones."""
    return type(value) in _FLAT and len(value) >= _LARGE


def reply_frame(job: int, end: int, begun: float, seconds: float, value: bytes = b"") -> bytes:
    return REPLY.pack(len(value), job, end, begun, seconds) + value


class ReplyReader:
    """Cuts what came through the pipe of replies, in pieces of any size, into replies."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of a reply that is not whole yet
        self._have = 0
        self._need = REPLY.size

    @property
    def unfinished(self) -> int:
        """Bytes that have come of a reply that is not whole yet."""
        return self._have if self._parts else 0

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are complete now."""
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._parts)
            self._parts = []
        elif len(data) == REPLY.size and not REPLY.unpack(data)[0]:
            return [(*REPLY.unpack(data)[1:], b"")]  # one, without a value: what comes from short jobs, as a rule
        replies = []
        size, unpack = REPLY.size, REPLY.unpack_from
        begin, last = 0, len(data)
        while begin + size <= last:
            length, job, end, begun, seconds = unpack(data, begin)
            after = begin + size + length
            if after > last:
                break
            value = data[begin + size : after] if length < _LARGE else memoryview(data)[begin + size : after]
            replies.append((job, end, begun, seconds, value))
            begin = after
        if begin < last:
            rest = data[begin:]
            self._parts = [rest]
            self._have = len(rest)
            self._need = REPLY.size + (REPLY.unpack_from(rest)[0] if len(rest) >= REPLY.size else 0)
        return replies
