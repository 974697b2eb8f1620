"""Notes for the doctor on how far the hook came in this process: a file in the doctor's private folder, a line for each.

They are read when no loop has reported, to tell why. A line is its kind, a colon and a text. Standard library only.
"""

from __future__ import annotations

import os
from contextlib import suppress

DOCTOR = "TRIO_LAB_DOCTOR"
"""The environment variable: the budget of a pass in seconds, a colon, and the path of the doctor's socket."""
STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup")
SOCKET = "doctor"
"""The socket's name in the folder. The notes of a process are in a file that is named after its pid."""


BEGUN, IMPORTED, FAILED = "begun", "imported", "failed"


def folder_of(where: str) -> str:
    """The doctor's folder, by the value of the environment variable."""
    return os.path.dirname(where.partition(":")[2])


def note(folder: str, kind: str, text: str) -> None:
    """Add a line; the kinds are BEGUN, IMPORTED and FAILED. The doctor may be gone, and its folder with it."""
    with suppress(OSError):
        file = os.open(
            os.path.join(folder, str(os.getpid())), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(file, f"{kind}: {' '.join(text.split())}\n".encode(errors="replace"))
        finally:
            os.close(file)


def forget() -> None:
    """Take the hook out of the environment that processes will inherit."""
    os.environ.pop(DOCTOR, None)
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if STARTUP in path:
        path.remove(STARTUP)
        if path:
            os.environ["PYTHONPATH"] = os.pathsep.join(path)
        else:
            del os.environ["PYTHONPATH"]
