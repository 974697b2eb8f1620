"""End to end: full collections of garbage do not look through what a server had made by the time it was ready."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import atexit, gc, os, runpy, sys

def tell(code=0, leave=os._exit):
    print("kept:", gc.get_freeze_count(), file=sys.stderr, flush=True)
    leave(code)

atexit.register(tell)
os._exit = tell  # how the server on asyncio ends
module, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "words", [("trio_lab", "serve", "--json"), ("trio_lab.servers.asyncio.serving", "--json")], ids=["trio", "asyncio"]
)
def test_what_a_server_has_made_before_it_is_ready_is_kept(words: tuple[str, ...]) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TRIO_LAB_PORT": "0"},
        text=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline().startswith("{")
    server.send_signal(signal.SIGTERM)
    _, said = server.communicate(timeout=60)
    last = said.splitlines()[-1]
    assert last.startswith("kept: ")
    assert int(last.removeprefix("kept: ")) > 10_000
