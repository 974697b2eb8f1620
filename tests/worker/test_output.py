"""Contract: what jobs print reaches the program whole and in order, whatever becomes of the job, at a bounded cost."""

from __future__ import annotations

import io
import logging
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trio_lab
from trio_lab.errors import BrokenWorkerError
from trio_lab.pools import output
from trio_lab.pools.output import Output
from trio_lab.worker import lifeline

from . import printing
from .programs import OPEN, environment, run

PROGRAM = f"""
import ctypes, logging, os, signal, subprocess, sys, threading, trio, trio_lab
{OPEN}
libc = ctypes.CDLL(None)

def lines(end):
    for n in range(300):
        print("line", n)
        print("error", n, file=sys.stderr)
    end()

def parts(end):
    print("a", end="")
    sys.stdout.write("b")
    sys.stdout.buffer.write(b"c")
    os.write(1, b"d")
    libc.printf(b"e")
    subprocess.run(["echo", "-n", "f"])
    print("g", end="")
    end()

def binary(end):
    sys.stdout.buffer.write(b"\\xff\\xe9\\n" + "é\\n".encode())
    print("\\udcff ä")
    end()

def logs(end):
    logging.getLogger("a.job").warning("a warning")
    libc.fputs(b"raw\\n", ctypes.c_void_p.in_dll(libc, "stderr"))
    end()

def long(end):
    print("x" * 200_000)
    end()

def nothing(): pass
def die(): os._exit(3)
def kill(): os.kill(os.getpid(), signal.SIGKILL)
def fail(): raise ValueError("the job's own")

if __name__ == "__main__":
    for job in sys.argv[2:]:
        try:
            trio.run(pooled, globals()[job], globals()[sys.argv[1]])
        except Exception:
            pass
"""
SAID = {
    "lines": ("".join(f"line {n}\n" for n in range(300)), "".join(f"error {n}\n" for n in range(300))),
    "parts": ("abcdefg\n", ""),
    "binary": ("\\xff\\xe9\né\n\\udcff ä\n", ""),
    "logs": ("", "a warning\nraw\n"),
    "long": ("x" * 200_000 + "\n", ""),
}


@pytest.mark.parametrize("end", ["nothing", "die", "kill", "fail"])
def test_what_a_job_prints_arrives_on_the_programs_streams(end: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = run(tmp_path / "program.py", end, *SAID)
    assert done.stdout == "".join(out for out, _ in SAID.values())
    assert done.stderr == "".join(err for _, err in SAID.values())


def test_a_job_prints_as_it_would_in_another_locale(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    env = environment(PYTHONIOENCODING="latin-1")
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py", "nothing", "binary"], env=env, capture_output=True, check=True
    )
    assert done.stdout == "\\xff\\xe9\né\n\\udcff ä\n".encode("latin-1")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_program_without_standard_streams_has_workers(closed: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        f"import trio, trio_lab\n{OPEN}\ndef double(n): print(n); return 2 * n\n"
        "if __name__ == '__main__': assert trio.run(pooled, double, 21) == 42\n"
    )
    command = f'exec "$0" "$1" {closed}'
    subprocess.run(["sh", "-c", command, sys.executable, tmp_path / "program.py"], env=environment(), check=True)


async def test_lines_are_in_the_log_when_the_job_was_killed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="trio_lab.pools"):
        async with trio_lab.open_worker_pool(size=1) as pool:
            with pytest.raises(BrokenWorkerError):
                await pool.run(printing.count_and_die, 1000)
    said = [record.getMessage().partition(": ")[2] for record in caplog.records if record.levelno == logging.INFO]
    assert said == [f"line {n}" for n in range(1000)]


@asynccontextmanager
async def forwarding(caplog: pytest.LogCaptureFixture) -> AsyncIterator[int]:
    """The writing end of a worker's standard output, which is forwarded to the program's log or output."""
    reading, writing = lifeline.open_pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    out = Output(7, {"stdout": reading}, trio.Lock())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(out.forward)
        yield writing
        lifeline.close(writing)
    await out.drain()


async def write(descriptor: int, data: bytes) -> None:
    while data:
        await trio.lowlevel.wait_writable(descriptor)
        data = data[os.write(descriptor, data) :]


def told(caplog: pytest.LogCaptureFixture) -> tuple[list[str], int]:
    """The lines that passed, and the sum of those that were reported as dropped."""
    passed = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert all(warning.startswith("worker 7 printed too much: ") for warning in warned)
    return passed, sum(int(warning.split()[5]) for warning in warned)


async def test_a_flood_is_cut_and_what_was_dropped_is_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(output, "_LINES", 1000)
    caplog.set_level(logging.INFO, "trio_lab.pools")
    async with forwarding(caplog) as writing:
        for n in range(30):
            await write(writing, b"".join(b"%d\n" % (1000 * n + m) for m in range(1000)))
            await trio.sleep(0.5)
        await trio.sleep(5)
        assert sum(told(caplog)[1:]) + len(told(caplog)[0]) == 30_000  # told though nothing more is printed
    passed, dropped = told(caplog)
    assert len(passed) + dropped == 30_000
    windows = trio.current_time() / 5 + 1
    assert 2000 <= len(passed) <= windows * 1050
    assert passed[:1000] == [f"worker 7: {n}" for n in range(1000)]
    assert passed == sorted(passed, key=lambda line: int(line.split()[2]))


async def test_forwarding_rests_nine_times_as_long_as_it_took(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """By a clock that a slow log moves by 1 ms for each line: 1000 of them take 1 s, and 9 s of rest."""
    now = 0.0

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            nonlocal now
            now += 0.001

    monkeypatch.setattr(output, "perf_counter", lambda: now)
    caplog.set_level(logging.INFO, "trio_lab.pools")
    handler = Slow()
    logging.getLogger("trio_lab.pools").addHandler(handler)
    try:
        async with forwarding(caplog) as writing:
            await write(writing, b"line\n" * 1000)
    finally:
        logging.getLogger("trio_lab.pools").removeHandler(handler)
    assert now == pytest.approx(1.0)
    assert trio.current_time() == pytest.approx(9.0, rel=0.05)


async def test_a_program_whose_output_is_not_read_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        async with forwarding(caplog) as printing_end:
            await write(printing_end, b"a line of some length\n" * 9000)
        full.flush()
        monkeypatch.undo()
        os.set_blocking(reading, False)
        read = reader.read()
    _, dropped = told(caplog)
    assert dropped > 0
    assert read.count(b"\n") + dropped == 9000
    assert read == b"a line of some length\n" * read.count(b"\n")


async def test_no_write_is_longer_than_a_pipe_takes_without_blocking(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """Also where the program's own encoding does not have the characters."""
    written = io.TextIOWrapper(Pieces(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", written)
    async with forwarding(caplog) as printing_end:
        await write(printing_end, ("中" * 900 + "\n").encode())
    monkeypatch.undo()
    pieces = written.buffer.pieces  # type: ignore[attr-defined]
    assert b"".join(pieces) == rb"\u4e2d" * 900 + b"\n"
    assert max(map(len, pieces)) <= select.PIPE_BUF


class Pieces(io.RawIOBase):
    """A file that keeps what was written to it at a time."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces.append(bytes(data))
        return len(data)


async def test_a_line_without_an_end_is_cut(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(output, "_LONGEST", 100_000)
    caplog.set_level(logging.INFO, "trio_lab.pools")
    async with forwarding(caplog) as writing:
        await write(writing, b"x" * 400_000)
    passed, _ = told(caplog)
    assert "".join(line.removeprefix("worker 7: ") for line in passed) == "x" * 400_000
    assert 3 <= len(passed) <= 4


async def test_a_line_that_does_not_end_is_forwarded_after_a_second(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    caplog.set_level(logging.INFO, "trio_lab.pools")
    async with forwarding(caplog) as writing:
        for piece in (b"one ", b"line\nan", b"other"):
            await write(writing, piece)
            await trio.sleep(0.9)
        assert told(caplog)[0] == ["worker 7: one line"]
        await trio.sleep(0.2)
        assert told(caplog)[0] == ["worker 7: one line", "worker 7: another"]
