"""Where drills take place: a server of their own on a free port, or a process of their own, and how large the dose is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import trio

from ..stage.stage import PYTHON
from .aftermath import is_zombie, settled
from .poison import LOG_VARIABLE
from .site import Site

_START_TIME = 20.0
_STOP_TIME = 10.0


class Ground:
    """Hands out doses and places. ``gate`` takes the short doses, ``dose`` multiplies either kind."""

    def __init__(self, *, gate: bool = False, dose: float = 1.0) -> None:
        self._gate = gate
        self._dose = dose

    def seconds(self, full: float, *, gate: float) -> float:
        return (gate if self._gate else full) * self._dose

    def count(self, full: int, *, gate: int) -> int:
        return max(1, round((gate if self._gate else full) * self._dose))

    @asynccontextmanager
    async def server(self, *flags: str, port: int = 0, workers: int = 2) -> AsyncIterator[Site]:
        """A `trio-lab serve --faults`. What it says goes to a file; whatever happens to us, it does not stay behind.

        Raises:
            RuntimeError: it did not start, or ended otherwise than by exit code 0 or by the drill's own kill.
        """
        command = [*PYTHON, "serve", "--faults", "--control", "--json", "--port", str(port), "--workers", str(workers)]
        with _papers() as papers:
            async with trio.open_nursery() as nursery:
                start = partial(
                    trio.run_process,
                    [*command, *flags],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=papers.errors,
                    env=os.environ | {LOG_VARIABLE: str(papers.log)},
                    check=False,
                )
                process: trio.Process = await nursery.start(start)
                try:
                    site = Site(process=process, url=await _address(process), log=papers.log, workers=workers)
                    site.before = await settled(site.vitals)
                    yield site
                    await _end(process)
                finally:
                    if process.returncode is None:
                        process.kill()
            if process.returncode != 0 and not site.killed:
                raise RuntimeError(f"the server ended with {process.returncode}: {papers.last_words()}")

    async def alone(self, where: str, *, limit: float = 300.0, **arguments: Any) -> dict[str, float | None]:
        """The figures that ``module:function(**arguments)`` returns, called in a process of its own.

        Raises:
            RuntimeError: it ended without any.
            trio.TooSlowError: it took longer than ``limit`` seconds.
        """
        with _papers() as papers:
            command = [sys.executable, "-m", "trio_lab.drills.alone", where, json.dumps(arguments), str(papers.log)]
            with trio.fail_after(limit):
                code = await _run_group(command, papers.errors)
            figures = papers.figures()
            if figures is None:
                raise RuntimeError(f"{where} ended with {code}: {papers.last_words()}")
            return figures


class _Papers:
    """The files of one process: what it writes down, and what it says as it goes."""

    def __init__(self, folder: str) -> None:
        self.log = Path(folder, "log")
        self.log.touch()
        self._said = Path(folder, "said")
        self.errors = os.open(self._said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def figures(self) -> dict[str, float | None] | None:
        written = self.log.read_bytes()
        return json.loads(written) if written else None

    def last_words(self) -> str:
        return self._said.read_text(errors="replace")[-500:].strip()


@contextmanager
def _papers() -> Iterator[_Papers]:
    with tempfile.TemporaryDirectory(prefix="trio-lab-drill-") as folder:
        papers = _Papers(folder)
        try:
            yield papers
        finally:
            os.close(papers.errors)


async def _run_group(command: list[str], errors: int) -> int:
    """Run a process, and leave nobody of its group behind."""
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True
    )
    try:
        # The leader is not reaped before its group is gone, so the group's number is still ours.
        while not is_zombie(process.pid):  # noqa: ASYNC110  (another process: no Event)
            await trio.sleep(0.05)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with trio.CancelScope(shield=True):
            code = await process.wait()
    return code


async def _address(process: trio.Process) -> str:
    assert process.stdout is not None
    line = b""
    with trio.move_on_after(_START_TIME):
        while not line.endswith(b"\n") and (data := await process.stdout.receive_some()):
            line += data
    if not line.endswith(b"\n"):
        raise RuntimeError("the server did not start")
    return str(json.loads(line)["url"])


async def _end(process: trio.Process) -> None:
    """Its standard input is its lifeline: closing it is the polite end."""
    assert process.stdin is not None
    await process.stdin.aclose()
    with trio.move_on_after(_STOP_TIME):
        await process.wait()
