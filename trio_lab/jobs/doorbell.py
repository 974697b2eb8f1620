"""Idle workers hear of new jobs by a datagram (0.4 ms, at 0.03 % of a core while nothing comes), not by asking again and again.

Each worker process has a socket in a folder that belongs to the file of jobs. A process that makes jobs ready sends a byte to
each. A busy worker does not read it; its buffer is soon full, and then sending to it costs nothing. The folder is the user's
own and private. A lost datagram only delays: workers look by themselves now and then.

The path of a socket may have 107 bytes. So the folder is not beside the file, and where the path of the folder for temporary
files is too long, it is in ``/tmp``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ..errors import UsageError

_SETTLED = 100_000_000  # ns: file systems tell times by a clock that ticks every 10 ms or more often
_LONGEST = 48  # bytes of the path of the folder for temporary files: what follows has up to 59
_BUFFER = 1  # bytes: the kernel gives its least, which holds a few datagrams


def folder_of(database: Path) -> Path:
    """Where the sockets of the workers of a file are.

    Raises:
        UsageError: another user has taken the place.
    """
    folder = _place(database)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UsageError(f"{folder} must be a folder that only its owner may use")
    return folder


def _place(database: Path) -> Path:
    mark = hashlib.sha256(os.fsencode(database.resolve())).hexdigest()[:16]
    usual = tempfile.gettempdir()
    root = usual if len(os.fsencode(usual)) <= _LONGEST else "/tmp"
    return Path(root, f"trio-lab-jobs-{os.getuid()}-{mark}")


def forget(database: Path) -> None:
    """Remove the sockets that killed workers of a file have left. The file must be gone, so that nobody listens."""
    shutil.rmtree(_place(database), ignore_errors=True)


class Bell:
    """Rings at every worker that listens for a file of jobs. Used in one thread."""

    def __init__(self, database: Path) -> None:
        self._folder = folder_of(database)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._seen = -1
        self._listeners: list[str] = []

    def ring(self) -> None:
        try:
            changed = os.stat(self._folder).st_mtime_ns
            if changed != self._seen:
                self._listeners = [entry.path for entry in os.scandir(self._folder)]
                settled = time.time_ns() - changed > _SETTLED
                self._seen = changed if settled else -1  # else a listener may yet come at the same time, as clocks tick
        except OSError:
            return  # there are no listeners
        for path in self._listeners:
            try:
                self._socket.sendto(b"1", path)
            except BlockingIOError:
                pass  # it is busy, and looks for jobs when it no longer is
            except ConnectionRefusedError:  # its process has died
                with suppress(OSError):
                    os.unlink(path)
            except OSError:
                pass  # it has just ended

    def close(self) -> None:
        self._socket.close()


class Ear:
    """The socket of one listener. ``socket`` becomes readable when the bell was rung; `clear` makes it silent again."""

    def __init__(self, database: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        while True:
            self.path = folder_of(database) / f"{os.getpid()}-{os.urandom(4).hex()}"
            with suppress(FileNotFoundError):  # the last listener has just taken the folder with it
                self.socket.bind(str(self.path))
                return

    def clear(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self.socket.recv(1)

    def close(self) -> None:
        self.socket.close()
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # others listen
            self.path.parent.rmdir()
