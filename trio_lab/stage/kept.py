"""A program that is started again whenever it ends, as a service manager does it. It may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from .supervised import Program, supervised


class Kept:
    """``log`` gets what it prints. It runs as ``user``, see `supervised`."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str], log: IO[bytes], user: str | None = None
    ) -> None:
        self._command, self._env, self._log, self._user = command, env, log, user
        self._program: Program | None = None

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            async with supervised(
                self._command,
                user=self._user,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            ) as self._program:
                await self._program.ended.wait()

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """A signal to its first process; returns when that has ended. What it has started is ended by its own lifeline, or by
        the supervisor before the next start."""
        assert self._program is not None
        killed = self._program
        if not killed.ended.is_set():  # else it is about to be started again, and its number may be another's
            with suppress(ProcessLookupError):
                os.kill(killed.pid, number)
        await killed.ended.wait()
