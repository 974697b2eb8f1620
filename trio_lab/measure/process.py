"""CPU time, memory, descriptors and children of a process, read through /proc. None for what cannot be read."""

from __future__ import annotations

import os
from contextlib import suppress

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int | str, *, reaped: bool = False) -> float | None:
    """CPU seconds of all threads of a process, user and system, in steps of 10 ms. With ``reaped`` also of its descendants
    that have ended and were waited for."""
    fields = _stat(pid)
    return None if fields is None else sum(map(int, fields[11 : 15 if reaped else 13])) / _TICKS


def run_delay(pid: int) -> float:
    """Seconds in which the main thread of a process could run and had no CPU; 0 where the kernel does not count them."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def resident_bytes(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None else int(fields[21]) * _PAGE


def peak_resident_bytes(pid: int) -> int | None:
    """The peak of resident memory, by the kernel's own count (VmHWM), so that no peak between two readings is missed."""
    try:
        with open(f"/proc/{pid}/status") as file:
            found = [line.split()[1] for line in file if line.startswith("VmHWM:")]
    except OSError:
        return None
    return int(found[0]) * 1024 if found else None


def open_descriptors(pid: int) -> int | None:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def children(pid: int) -> list[int]:
    """The present child processes of all threads, zombies included: a process that leaks children leaves zombies."""
    found: list[int] = []
    with suppress(OSError):  # the process has ended
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:  # or this thread, meanwhile
                found.extend(map(int, file.read().split()))
    return sorted(found)


def family(pid: int) -> list[int]:
    """The process, then every process that it or one of those has started, zombies included."""
    found = [pid]
    for one in found:  # it grows meanwhile
        found += children(one)
    return found


def command_line(pid: int) -> str:
    """How it was started, words apart by spaces; empty if it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for this signal."""
    try:
        with open(f"/proc/{pid}/status") as file:
            caught = next((int(line.split()[1], 16) for line in file if line.startswith("SigCgt:")), 0)
    except OSError:
        return False
    return bool(caught >> (number - 1) & 1)


def lives(pid: int) -> bool:
    """It runs: neither gone nor a zombie that its parent has yet to reap."""
    fields = _stat(pid)
    return fields is not None and fields[0] != "Z"


def is_zombie(pid: int) -> bool:
    fields = _stat(pid)
    return fields is not None and fields[0] == "Z"


def process_state(pid: int) -> str | None:
    """The letter of /proc for what a process does: "T" if it was stopped by a signal, "t" by a debugger; see proc(5)."""
    fields = _stat(pid)
    return None if fields is None else fields[0]


def thread_state(pid: int, thread: int) -> str | None:
    """The same of one thread."""
    fields = _stat(f"{pid}/task/{thread}")
    return None if fields is None else fields[0]


def thread_cpu_seconds(pid: int, thread: int) -> float | None:
    """CPU seconds of one thread; in steps of 10 ms where the kernel counts no finer."""
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
    except (OSError, IndexError):
        return cpu_seconds(f"{pid}/task/{thread}")


def _stat(pid: int | str) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the command's name, which may contain spaces and parentheses."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None
