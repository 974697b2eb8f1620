"""Jobs after which a worker does not end when it is asked to. Each returns the worker's pid. Workers import this module."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import threading
import time


def _for_ever() -> None:
    time.sleep(3600)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def leave_thread() -> int:
    threading.Thread(target=_for_ever, daemon=False).start()
    return os.getpid()


def leave_thread_in_c() -> int:
    threading.Thread(target=ctypes.CDLL(None).sleep, args=(3600,), daemon=False).start()
    return os.getpid()


def sleep_at_exit() -> int:
    atexit.register(_for_ever)
    return os.getpid()


def stop_at_exit() -> int:
    atexit.register(_stop)
    return os.getpid()


def ignore_signals() -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    return sleep_at_exit()


def change_group() -> int:
    os.setpgid(0, os.getpgid(os.getppid()))
    return sleep_at_exit()


def change_session() -> int:
    os.setpgid(0, os.getpgid(os.getppid()))  # the leader of a group gets no session
    os.setsid()
    return sleep_at_exit()


def leave_a_family() -> int:
    if os.fork() == 0:
        _for_ever()
    return sleep_at_exit()


FEW = (leave_thread, stop_at_exit, change_session)
ALL = (
    leave_thread,
    leave_thread_in_c,
    sleep_at_exit,
    stop_at_exit,
    ignore_signals,
    change_group,
    change_session,
    leave_a_family,
)
