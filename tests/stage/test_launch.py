"""End to end: children answer, are told why when they do not, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import pytest
import trio
import trio.lowlevel

from trio_lab.measure.process import lives
from trio_lab.stage.alone import alone
from trio_lab.stage.launch import kill, output_of, talking
from trio_lab.stage.server import serving
from trio_lab.stage.until import wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    words: tuple[str, ...]
    pid: int


def tell(*words: str) -> Told:
    print("what it prints is not its answer")
    return Told(words=words, pid=os.getpid())


async def tell_later(numbers: list[int]) -> dict[str, float | None]:
    await trio.lowlevel.checkpoint()
    return {"sum": sum(numbers), "not a number": float("nan")}


def leave_a_child() -> int:
    return subprocess.Popen(["sleep", "1000"]).pid


def die() -> int:
    print("no luck", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hang() -> None:
    signal.pause()


async def test_a_function_answers_with_a_record_from_a_process_of_its_own() -> None:
    told = await alone(partial(tell, "one", "two"))
    assert told.words == ("one", "two")
    assert told.pid != os.getpid()


async def test_an_async_function_is_run_and_what_is_no_number_becomes_none() -> None:
    assert await alone(partial(tell_later, [1, 2])) == {"sum": 3, "not a number": None}


async def test_nothing_of_the_group_is_left_behind() -> None:
    pid = await alone(leave_a_child)
    await wait_until(lambda: not lives(pid), limit=30)


async def test_a_function_that_dies_is_an_error_with_its_last_words() -> None:
    with pytest.raises(RuntimeError, match="test_launch:die ended with exit code -9: no luck"):
        await alone(die)


async def test_a_function_that_takes_too_long_is_ended() -> None:
    with pytest.raises(trio.TooSlowError):
        await alone(hang, limit=0.5)


async def test_a_program_that_fails_is_an_error_with_its_last_words() -> None:
    with pytest.raises(RuntimeError, match="exit code 3: no luck"):
        await output_of([sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"])


async def test_a_child_answers_lines_and_ends_with_its_input() -> None:
    echo = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"
    async with talking([sys.executable, "-c", echo]) as child:
        assert await child.ask("1") == 11
        assert await child.ask("2") == 22
    assert child.process.returncode == 0


async def test_a_child_that_ends_instead_of_answering_is_an_error() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with talking([sys.executable, "-c", ""]) as child:
            await child.hear()
    assert caught.group_contains(RuntimeError, match="before it answered")


async def test_asking_a_child_that_has_ended_is_the_same_error() -> None:
    async with talking([sys.executable, "-I", "-S", "-c", ""]) as child:
        await child.process.wait()
        with pytest.raises(RuntimeError, match="before it answered"):
            await child.ask("are you there?")


async def test_a_child_that_says_nothing_ends_with_the_block() -> None:
    """It neither answers nor ends with its input."""
    pids: list[int] = []
    with trio.move_on_after(0.2) as waiting:
        async with talking([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
            pids.append(child.process.pid)
            await child.hear()
    assert waiting.cancelled_caught
    assert pids
    assert not lives(pids[0])


def test_children_end_with_the_lab_however_it_ends() -> None:
    """The lab here is a process that starts one child of each kind, and is killed."""
    lab = (
        "import sys, trio\n"
        "from trio_lab.stage.alone import alone\n"
        "from trio_lab.stage.launch import talking\n"
        "from tests.stage.test_launch import hang\n"
        "async def main():\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        nursery.start_soon(alone, hang)\n"
        "        async with talking([sys.executable, '-c', 'input()']):\n"
        "            print('started', flush=True)\n"
        "            await trio.sleep_forever()\n"
        "trio.run(main)\n"
    )
    with subprocess.Popen([sys.executable, "-c", lab], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            family = trio.run(_children_of, process.pid)
        finally:
            process.kill()
    trio.run(_all_gone, family)


async def _children_of(pid: int) -> list[int]:
    from trio_lab.measure.process import children

    await wait_until(lambda: len(children(pid)) == 2, limit=30)
    return children(pid)


async def _all_gone(pids: list[int]) -> None:
    await wait_until(lambda: not any(map(lives, pids)), limit=30)


async def test_a_killed_server_is_no_error_and_one_that_fails_is() -> None:
    ready = (
        "import json, sys; print(json.dumps({'url': 'http://127.0.0.1:1'}), flush=True); sys.stdin.read(); sys.exit(%d)"
    )
    async with serving([sys.executable, "-c", ready % 0]) as server:
        server.child.kill()
    with pytest.raises(RuntimeError, match="exit code 5"):
        async with serving([sys.executable, "-c", ready % 5]):
            pass


def test_killing_what_is_gone_is_told() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not kill(process.pid)
