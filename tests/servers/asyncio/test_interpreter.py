"""Contract: the asyncio server's workers have the program's interpreter, and lose nothing of what jobs print."""

from __future__ import annotations

from pathlib import Path

from tests.worker.programs import run

PROGRAM = """
import asyncio, contextlib
from tests.servers.asyncio import flags
from trio_lab.errors import BrokenWorkerError
from trio_lab.servers.asyncio.processes import open_worker_pool

async def main():
    async with open_worker_pool(size=1, max_queue=None, queue_timeout=None, run_timeout=None) as pool:
        theirs, _ = await pool.run(flags.facts, kind="facts")
        assert_equal(theirs, flags.facts())
        with contextlib.suppress(BrokenWorkerError):
            await pool.run(flags.print_and_die, kind="words")

def assert_equal(theirs, ours):  # -O takes assert statements away
    if theirs != ours:
        raise AssertionError(theirs, ours)

asyncio.run(main())
"""


def test_workers_have_the_options_of_the_program_and_lose_no_last_words(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    assert run("-O", "-X", "mark", "-W", "ignore", tmp_path / "program.py").stderr == "last words\n"
