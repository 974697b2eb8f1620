"""Scenarios: real programs under a real supervisor. Whatever they do, nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from tests.running import until_gone
from tests.waiting import wait_until
from trio_lab.errors import UsageError
from trio_lab.measure.process import lives
from trio_lab.stage.supervised import Program, supervised

PYTHON = [sys.executable, "-I", "-S", "-c"]  # starts fast
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can start a program of another user")
READY = "import sys, time; print('ready', flush=True); "


async def run(
    command: Sequence[str], folder: Path, *, grace: float = 20.0, user: str | None = None, to_its_end: bool = False
) -> Program:
    """The program after it was asked to stop when it had said that it was ready, or after it has ended by itself."""
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        async with supervised(command, grace=grace, user=user, stdout=out, stderr=err) as program:
            if to_its_end:
                await program.ended.wait()
            else:
                await wait_until((folder / "out").read_bytes)
            family = program.family()
    assert family
    assert not any(lives(pid) for pid in family)
    return program


async def test_exit_code_and_output_are_the_programs_own(tmp_path: Path) -> None:
    program = await run(["sh", "-c", "echo out; echo err >&2; exit 7"], tmp_path, to_its_end=True)
    assert (program.code, program.killed) == (7, 0)
    assert (tmp_path / "out").read_text() == "out\n"
    assert (tmp_path / "err").read_text() == "err\n"


async def test_its_standard_input_is_ours() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"given\n")
        async with supervised(["grep", "-q", "-m1", "given"], stdin=reading) as program:
            await program.ended.wait()
    finally:
        os.close(reading)
        os.close(writing)
    assert program.code == 0


@needs_root
async def test_a_program_of_another_user(tmp_path: Path) -> None:
    """It runs where that user may be, and is asked to end as any other."""
    program = await run(["sh", "-c", 'echo "$(id -un) $(pwd)"; exec sleep 60'], tmp_path, user="nobody")
    assert (program.code, program.killed) == (-signal.SIGTERM, 0)
    assert (tmp_path / "out").read_text() == "nobody /\n"


async def test_what_cannot_be_started_is_an_error_that_names_it() -> None:
    with pytest.raises(UsageError, match=r"^no-such-program could not be started: No such file"):
        async with supervised(["no-such-program"]):
            pytest.fail("it was started")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"], 9),
        ([*PYTHON, READY + "\ntry: time.sleep(60)\nexcept KeyboardInterrupt: sys.exit(8)"], 8),
        (["sh", "-c", "echo ready; exec sleep 60"], -signal.SIGTERM),
    ],
    ids=["SIGTERM where it is handled", "Ctrl-C for Python", "SIGTERM for the others"],
)
async def test_a_program_is_asked_in_the_way_that_it_understands(tmp_path: Path, command: list[str], code: int) -> None:
    program = await run(command, tmp_path)
    assert (program.code, program.killed) == (code, 0)


async def test_a_program_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)];" + READY + "time.sleep(60)"
    program = await run([*PYTHON, deaf], tmp_path, grace=0.05)
    assert (program.code, program.killed) == (-signal.SIGKILL, 1)


async def test_what_left_its_group_and_its_parent_is_ended_too(tmp_path: Path) -> None:
    """A daemon of a program that has ended: in a session of its own, and deaf."""
    daemon = f"trap '' TERM INT; echo $$ > {tmp_path}/pid; while :; do sleep 0.01; done"
    program = await run(
        ["sh", "-c", f'setsid sh -c "{daemon}" & while [ ! -s {tmp_path}/pid ]; do sleep 0.01; done'],
        tmp_path,
        grace=0.05,
        to_its_end=True,
    )
    assert program.code == 0
    assert program.killed
    assert not lives(int((tmp_path / "pid").read_text()))


async def test_a_cancelled_block_leaves_nothing() -> None:
    with trio.CancelScope() as scope:
        async with supervised(["sleep", "60"]) as program:
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert program.code == -signal.SIGTERM
    assert not lives(program.pid)


async def test_an_exception_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with supervised(["sleep", "60"]) as program:
            raise ZeroDivisionError
    assert not lives(program.pid)


def test_a_program_does_not_outlive_us(tmp_path: Path) -> None:
    """We are killed, and the program does not react to anything but SIGKILL."""
    code = """
import trio, sys
from trio_lab.stage.supervised import supervised
async def main():
    async with supervised(["sh", "-c", "trap '' TERM INT HUP; echo $$; while :; do sleep 0.01; done"], grace=0.05):
        await trio.sleep_forever()
trio.run(main)
"""
    us = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with us:
        assert us.stdout is not None
        pid = int(us.stdout.readline())
        assert lives(pid)
        us.kill()
        until_gone([pid])


@pytest.mark.parametrize("user", [None, pytest.param("nobody", marks=needs_root)])
async def test_a_program_does_not_outlive_its_supervisor(user: str | None) -> None:
    async with supervised(["sleep", "60"], user=user) as program:
        stat = Path(f"/proc/{program.pid}/stat").read_text()
        supervisor = int(stat.rpartition(")")[2].split()[1])
        assert supervisor != os.getpid()
        os.kill(supervisor, signal.SIGKILL)
        await program.ended.wait()
    assert program.code is None
    assert not lives(program.pid)


async def test_a_program_that_kills_its_group_does_not_hurt_the_supervisor(tmp_path: Path) -> None:
    program = await run(["sh", "-c", "kill -KILL 0"], tmp_path, to_its_end=True)
    assert program.code == -signal.SIGKILL
