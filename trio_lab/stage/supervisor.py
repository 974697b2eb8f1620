"""A process between us and a program of other people: it starts the program, and leaves nothing of it behind.

It is a subreaper: a process whose parent has died becomes its child, so it finds all that the program has started, also what
has left the program's group or session. It holds one end of a socket pair. When the other end is shut down, or closed because
our process has died, it asks the program to stop, waits, and kills what is left. The program itself dies with the supervisor.

It prints nothing, and says on the socket in lines of JSON what happens: ``{"pid": …}`` or ``{"error": …}``, then
``{"code": …}`` (the program's exit code, negative for a signal), then ``{"killed": …}`` (how many processes had to be
killed). Standard library only, so that it starts fast.

A program is asked with SIGTERM if it handles that. If it does not, it gets SIGINT, as at a terminal: the whole group does, and
Python programs clean up.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from ..measure.process import catches, family

_SUBREAPER, _DEATH_SIGNAL = 36, 1  # options of prctl
_REAP = 0.2  # seconds between two looks for children that have ended
_ALONE = 0.3  # seconds that the rest of a program has to end by itself when its first process has ended


def _prctl(option: int, value: int) -> None:
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class Supervisor:
    """``grace`` is how many seconds the program has to end when it is asked to. ``user`` is whose it is, None for ours. That of
    another user runs in the root folder, for it may have no right to ours."""

    def __init__(self, ours: socket.socket, grace: float, user: str | None) -> None:
        self._ours, self._grace, self._user = ours, grace, user
        self._code: int | None = None

    def say(self, **words: object) -> None:
        with suppress(OSError):  # nobody listens any more
            self._ours.sendall(json.dumps(words).encode() + b"\n")

    def supervise(self, command: list[str]) -> None:
        _prctl(_SUBREAPER, 1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)  # unlike SIG_IGN, the program does not inherit it
        try:
            self._program = subprocess.Popen(
                command,
                process_group=0,
                user=self._user,
                cwd=None if self._user is None else "/",
                preexec_fn=_die_with_parent,  # called as that user: to become another would undo it
            )
        except OSError as error:
            self.say(error=f"{command[0]} could not be started: {error.strerror}")
            return
        self.say(pid=self._program.pid)
        asked = self._wait_for_end_or_word()
        if asked:
            self._ask([self._program.pid])
            self._wait(self._grace, lambda: self._code is not None)
        else:
            self._wait(_ALONE, lambda: not self._rest())
        self._ask(self._rest())
        self._wait(self._grace if asked else _ALONE, lambda: not self._rest())
        self.say(killed=self._kill_all())

    def _rest(self) -> list[int]:
        self._reap()
        return family(os.getpid())[1:]

    def _reap(self) -> None:
        """Take the exit codes of all children that have ended. The program's own is told at once."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._program.pid:
                    self._code = self._program.returncode = os.waitstatus_to_exitcode(ended[1])
                    self.say(code=self._code)

    def _wait_for_end_or_word(self) -> bool:
        """Returns whether we were told to stop the program; False means that it has ended."""
        ended = os.pidfd_open(self._program.pid)
        try:
            while self._code is None:
                ready, _, _ = select.select([ended, self._ours.fileno()], [], [], _REAP)
                self._reap()
                if self._ours.fileno() in ready and self._code is None:
                    return True
        finally:
            os.close(ended)
        return False

    def _wait(self, limit: float, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self._reap()
            if condition():
                return
            time.sleep(0.01)

    def _ask(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                if catches(pid, signal.SIGTERM) or not catches(pid, signal.SIGINT):
                    os.kill(pid, signal.SIGTERM)
                elif pid == os.getpgid(pid):
                    os.killpg(pid, signal.SIGINT)
                else:
                    os.kill(pid, signal.SIGINT)

    def _kill_all(self) -> int:
        """Until none is left: what is killed may have started more meanwhile. What we may not kill is left."""
        killed: set[int] = set()
        spared: set[int] = set()
        while living := set(self._rest()) - spared:
            for pid in living:
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
                except ProcessLookupError:
                    pass
                except PermissionError:
                    spared.add(pid)
            time.sleep(0.005)
        return len(killed)


def _die_with_parent() -> None:
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


def main(descriptor: str, grace: str, user: str, *command: str) -> None:
    with socket.socket(fileno=int(descriptor)) as ours:
        Supervisor(ours, float(grace), user or None).supervise(list(command))


if __name__ == "__main__":
    main(*sys.argv[1:])
