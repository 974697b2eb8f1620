"""Standard input as a remote control, for a program that runs the server as its child (`trio-lab serve --control`).

What a line means is decided here; each server reads standard input in its own loop.
"""

from __future__ import annotations

import logging
import re
import select
import sys
from collections.abc import Callable

from ..errors import UsageError

MAX_THREADS = 1024
_LONGEST = 1000  # bytes of a line
_RESIZE = re.compile(rb"\s*threads\s+([0-9]{1,5})\s*")

_log = logging.getLogger(__name__)


def check_control() -> None:
    """Check that standard input can be waited for: a pipe, a socket or a terminal.

    Raises:
        UsageError: it is closed, or a file.
    """
    # Started without standard input, Python has None here, and descriptor 0 may be another file by now.
    if sys.stdin is None:
        raise UsageError("--control reads standard input, and it is closed")
    try:
        with select.epoll() as epoll:
            epoll.register(0, select.EPOLLIN)
    except OSError:
        raise UsageError("--control needs a pipe on standard input, not a file") from None


class Commands:
    """Cuts standard input into lines, and obeys them. The one command is ``threads N``, which calls ``resize``. That raises
    ValueError if the number cannot be changed.

    Of a line without an end only the beginning is kept.
    """

    def __init__(self, resize: Callable[[int], None]) -> None:
        self._resize = resize
        self._unread = b""

    def feed(self, data: bytes | bytearray) -> None:
        first, *more = bytes(data).split(b"\n")
        unread = self._unread + first[: _LONGEST - len(self._unread)]
        for line in more:
            self._obey(unread)
            unread = line[:_LONGEST]
        self._unread = unread

    def _obey(self, line: bytes) -> None:
        found = _RESIZE.fullmatch(line)
        if not found or len(line) >= _LONGEST or not 1 <= (threads := int(found[1])) <= MAX_THREADS:
            _log.warning("not understood on standard input: %r", line[:80])
            return
        try:
            self._resize(threads)
        except ValueError as error:
            _log.warning("threads %d: %s", threads, error)
