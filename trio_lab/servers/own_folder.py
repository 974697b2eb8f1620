"""A folder for files that are gone when their server ends.

A server that is killed leaves its folder. So each holds a lock on its own for as long as it lives, and whoever makes a folder
first removes those that nobody holds. Where the file system has no locks, none is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..jobs.doorbell import forget
from ..worker import lifeline

PREFIX = "trio-lab-server-"
JOBS = "jobs.sqlite"
"""The file of a server's own jobs in its folder."""


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for the length of the block. Blocks while it removes what others have left.

    Raises:
        OSError: no folder can be made.
    """
    _remove_left()
    folder, lock = _made()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lifeline.close(lock)


def _made() -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):  # another server has removed it, because nobody held it yet
            descriptor = _opened(folder)
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits for such a server at most
            if folder.exists():
                return folder, descriptor
            lifeline.close(descriptor)


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is in use, another user's, or gone
            descriptor = _opened(folder)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                    forget(folder / JOBS)
            finally:
                lifeline.close(descriptor)


def _opened(folder: Path) -> int:
    """Forked processes close it: their copy would hold the lock."""
    return lifeline.keep(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
