"""A PostgreSQL server of our own, on a Unix socket: it can be killed and started again. All of it blocks."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    """``conninfo`` is how to reach it, and so is ``url``. It can be killed and started again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.conninfo = f"host={folder} dbname=postgres user=lab"
        self.url = f"postgresql://lab@/postgres?host={folder}"
        self._programs, self._folder = programs, folder
        self._user = _other_user() if os.getuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(folder / "data"), "-U", "lab", "--auth=trust", "--no-sync")
        self.command = (
            *(str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder)),
            *("-c", "listen_addresses=", "-c", "fsync=off"),
        )
        self.process: subprocess.Popen[bytes] | None = None

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self._programs / program, *words], user=self._user, check=True, capture_output=True, cwd=self._folder
        )

    def start(self) -> None:
        """Returns when it answers."""
        self.process = subprocess.Popen(
            self.command,
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _START
        while subprocess.run([self._programs / "pg_isready", "-q", "-h", self._folder]).returncode:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """It and its children at once; it is waited for, or another could not start."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(_END)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


@contextmanager
def postgres(programs: Path) -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="trio-lab-pg-") as folder:
        server = PostgresServer(programs, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.kill()
