"""Standard input as a remote control, for a program that runs the server as its child (`trio-lab serve --control`).

What a line means is decided here; each server reads standard input in its own loop.
"""

from __future__ import annotations

import logging
import select
import sys
from collections.abc import Callable

from ..errors import UsageError

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
    """Cuts standard input into lines, and obeys them. The one command is ``threads N``, which calls ``resize``."""

    def __init__(self, resize: Callable[[int], None]) -> None:
        self._resize = resize
        self._unread = b""

    def feed(self, data: bytes | bytearray) -> None:
        *lines, self._unread = (self._unread + bytes(data)).split(b"\n")
        for line in lines:
            match line.split():
                case [b"threads", number] if number.isdigit() and 1 <= int(number) <= 1024:
                    self._resize(int(number))
                case _:
                    _log.warning("not understood on standard input: %r", line[:80])
