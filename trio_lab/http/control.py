"""Standard input as a remote control, for a program that runs the server as its child (`trio-lab serve --control`).

What a line means is decided here; each server reads standard input in its own loop.
"""

from __future__ import annotations

import select
import sys

from ..errors import UsageError


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
    """Cuts standard input into lines. The one command is ``threads N``."""

    def __init__(self) -> None:
        self._unread = b""

    def feed(self, data: bytes | bytearray) -> list[int | bytes]:
        """For each line that is now complete: the number of threads it asks for, or the line itself if it is no command."""
        *lines, self._unread = (self._unread + bytes(data)).split(b"\n")
        return [_command(line) for line in lines]


def _command(line: bytes) -> int | bytes:
    match line.split():
        case [b"threads", number] if number.isdigit() and 1 <= int(number) <= 1024:
            return int(number)
        case _:
            return line
