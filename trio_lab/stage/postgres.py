"""A PostgreSQL server of our own, on a Unix socket: it can be killed and started again. All of it blocks."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .supervised import under_supervisor

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_START, _END = 30.0, 10.0  # seconds


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed, or where only root could run it."""
    found = shutil.which("initdb")
    places = [*_PLACES, *([Path(found).parent] if found else [])]
    if os.getuid() == 0 and _other_user() is None:
        return None
    return places[0] if places else None


def _other_user() -> str | None:
    """PostgreSQL does not run as root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


class PostgresServer:
    """``conninfo`` is how to reach it, and so is ``url``. Its ``command`` is for ``user`` (None: for ours). It runs under a
    supervisor. It can be killed and started again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.conninfo = f"host={folder} dbname=postgres user=lab"
        self.url = f"postgresql://lab@/postgres?host={folder}"
        self.user = _other_user() if os.getuid() == 0 else None
        self.command = (
            *(str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder)),
            *("-c", "listen_addresses=", "-c", "fsync=off"),
        )
        self.pid = 0
        self._asking = (programs / "pg_isready", "-q", "-h", folder)
        self._supervisor: subprocess.Popen[bytes] | None = None
        if self.user is not None:
            shutil.chown(folder, self.user)
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "lab", "--auth=trust", "--no-sync"],
            user=self.user,
            check=True,
            capture_output=True,
            cwd=folder,
        )

    def answers(self) -> bool:
        return not subprocess.run(self._asking).returncode

    def start(self) -> None:
        """Returns when it answers."""
        self._lifeline, its = socket.socketpair()
        with its:
            self._supervisor = subprocess.Popen(
                under_supervisor(self.command, descriptor=its.fileno(), grace=_END, user=self.user),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
        with self._lifeline.makefile() as said:
            self.pid = json.loads(said.readline() or "{}").get("pid", 0)
        until = time.monotonic() + _START
        while not self.answers():
            if self._supervisor.poll() is not None or time.monotonic() > until:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """It and its children at once; it is waited for, or another could not start."""
        if self._supervisor is None:
            return
        if self._supervisor.poll() is None and self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGQUIT)
        self._lifeline.close()
        self._supervisor.wait()
        self._supervisor = None


@contextmanager
def prepared(programs: Path) -> Iterator[PostgresServer]:
    """One that was not started yet, with an empty database."""
    with tempfile.TemporaryDirectory(prefix="trio-lab-pg-") as folder:
        server = PostgresServer(programs, Path(folder))
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def postgres(programs: Path) -> Iterator[PostgresServer]:
    """One that answers."""
    with prepared(programs) as server:
        server.start()
        yield server
