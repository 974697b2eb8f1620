"""How a pool and its worker talk: frames over pipes, each a length and a pickle. Standard library only.

Pool → worker, first the `Hello`, then one ``(job id, function, arguments)`` a job. Worker → pool: ``READY`` once, then
one `Reply` a job. Both ends run the same code of the same version, so a frame carries no version and no magic.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, NamedTuple

HEADER = struct.Struct("<I")
MAX_BODY = 2**32 - 1

READY = b"ready"


class Hello(NamedTuple):
    """What a worker must know before its first job."""

    sys_path: list[str]
    main_file: str | None
    """The file whose functions a job may name as ``__main__``; it is run only when such a job comes."""
    nicer: int


class Reply(NamedTuple):
    """The end of one job. ``value`` is the pickled result or exception; ``text`` explains a job that has neither."""

    job: int
    ok: bool
    value: bytes | None
    text: str
    seconds: float


def frame(body: bytes) -> bytes:
    """A body with its length before it.

    Raises:
        ValueError: the body has 4 GiB or more.
    """
    if len(body) > MAX_BODY:
        raise ValueError("a job's arguments or result must pickle to less than 4 GiB")
    return HEADER.pack(len(body)) + body


def dump(value: Any) -> bytes:
    """Pickle with the newest protocol: it is the fastest, and both ends are the same Python."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


class FrameReader:
    """Cuts a stream of bytes, fed in pieces of any size, into frame bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are complete now."""
        buffer = self._buffer
        buffer += data
        bodies: list[bytes] = []
        begin = 0
        while len(buffer) - begin >= HEADER.size:
            (size,) = HEADER.unpack_from(buffer, begin)
            end = begin + HEADER.size + size
            if end > len(buffer):
                break
            bodies.append(bytes(buffer[begin + HEADER.size : end]))
            begin = end
        if begin:
            del buffer[:begin]
        return bodies
