"""Contract: workers start under a small limit on open files, and end with a program that has forked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until
from trio_lab.measure.process import lives
from trio_lab.worker import lifeline

from .programs import OPEN, as_ordinary_user, environment, run

LIMITED = f"""
import os, resource, sys, trio, trio_lab
{OPEN}
def double(n):
    return 2 * n

def close_all():
    os.closerange(3, 60)
    return 42

async def main(limit):
    descriptors = len(os.listdir("/proc/self/fd"))  # one to look with, as soon as Trio runs
    limit = limit or descriptors - 1 + int(sys.argv[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), hard))
    print(await pooled(double, 21), await pooled(close_all) if limit >= 70 else "")

if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]))
"""


@pytest.mark.parametrize("limit", [203, 128, 32])
def test_workers_start_under_a_small_limit_on_open_files(limit: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LIMITED)
    assert run(tmp_path / "program.py", str(limit)).stdout.split() == ["42"] * (2 if limit >= 70 else 1)


CROWD = """
import resource, trio, trio_lab

def nothing(value): return value

async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    async with trio_lab.open_worker_pool(size=8, max_queue=None) as pool:
        await pool.wait_ready()
        async with trio.open_nursery() as nursery:
            for n in range(400):
                nursery.start_soon(pool.run, nothing, bytes(100_000 if n % 20 == 0 else 10))
        print(pool.restarts, pool.statistics().completions)

if __name__ == "__main__":
    trio.run(main)
"""


@pytest.mark.skipif(not (os.getuid() or shutil.which("setpriv")), reason="needs setpriv to give up privileges")
def test_a_pool_of_an_ordinary_user_works_within_128_descriptors(tmp_path: Path) -> None:
    """With small pipes, if the user has many; and eight workers that start do not take more than eight that run."""
    (tmp_path / "program.py").write_text(CROWD)
    done = run(tmp_path / "program.py", prefix=as_ordinary_user())
    assert (done.stdout, done.stderr) == ("0 400\n", "")


def test_a_limit_under_which_no_worker_can_start_is_told(tmp_path: Path) -> None:
    """The descriptors that one start takes are the least that a program must have free."""
    (tmp_path / "program.py").write_text(LIMITED)
    assert run(tmp_path / "program.py", "0", "18").stdout == "42 \n"
    said = run(tmp_path / "program.py", "0", "9", code=1).stderr
    assert "RestartLimitReached: worker_pool cannot keep a worker alive: Too many open files" in said


FORKED = """
import multiprocessing, os, signal, sys, time, threading, trio, trio_lab

def spin():
    while True: pass

def nothing(): pass

def fork_and_stay(how):
    if how == "multiprocessing":
        multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True).start()
    elif how == "thread":
        thread = threading.Thread(target=fork_and_stay, args=("os",))
        thread.start()
        thread.join()
    elif os.fork() == 0:
        time.sleep(60)
        os._exit(0)

async def main(how):
    async with trio_lab.open_worker_pool(size=2) as pool, trio.open_nursery() as nursery:
        await pool.wait_ready()
        pids = pool.pids()
        nursery.start_soon(pool.run, spin)
        await pool.run(nothing)
        fork_and_stay(how)
        print(*pids, flush=True)
        await trio.sleep_forever()

if __name__ == "__main__":
    trio.run(main, sys.argv[1])
"""


@pytest.mark.parametrize("how", ["multiprocessing", "os", "thread"])
async def test_workers_die_with_a_program_that_has_forked(how: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(FORKED)
    program = subprocess.Popen(
        [sys.executable, tmp_path / "program.py", how],
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    try:
        assert program.stdout is not None
        with program.stdout:
            pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 2
        program.kill()
        program.wait()
        await wait_until(lambda: not any(map(lives, pids)))
    finally:
        os.killpg(program.pid, signal.SIGKILL)  # what it forked


def test_a_forked_process_keeps_no_end_of_a_pipe_and_closes_nothing_else() -> None:
    reading, writing = lifeline.open_pipe()
    child = os.fork()
    if child == 0:
        try:
            again = os.open(os.devnull, os.O_RDONLY)  # it has the number of one that was closed
            lifeline.close(reading)
            lifeline.close(writing)
            os.fstat(again)
            os._exit(0 if again == min(reading, writing) else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    lifeline.close(writing)
    assert os.read(reading, 1) == b""
    lifeline.close(reading)
    lifeline.close(reading)  # nothing


def test_retiring_workers_end_beside_a_forked_process(tmp_path: Path) -> None:
    """An idle worker ends when its pipe of jobs is closed, which a copy of the pool's end would prevent."""
    (tmp_path / "program.py").write_text(
        "import os, time, trio, trio_lab\nfrom trio_lab.measure.process import lives\n"
        "async def main():\n"
        "    async with trio_lab.open_worker_pool(size=2) as pool:\n"
        "        await pool.wait_ready()\n"
        "        child = os.fork()\n"
        "        if child == 0: time.sleep(60); os._exit(0)\n"
        "        pids, killed = pool.pids(), []\n"
        "        for slot in pool._staff.slots:\n"
        "            slot.worker.kill = lambda: killed.append(1)\n"
        "        pool.resize(1)\n"
        "        while all(map(lives, pids)): await trio.sleep(0.005)\n"
        "        print(killed)\n"
        "        for pid in pool.pids(): os.kill(pid, 9)\n"
        "    os.kill(child, 9)\n"
        "if __name__ == '__main__': trio.run(main)\n"
    )
    assert run(tmp_path / "program.py").stdout == "[]\n"
