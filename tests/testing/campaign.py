"""How right is ``--no-blocking``, and what does it cost? ``python -m tests.testing.campaign false``, ``found`` or ``cost``. The
figures go into docs/testing.md.

====== ===========================================================================================================
false  a thousand tests that do not block, while two other processes compute: how many fail
found  tests that block for 55 to 200 ms in four ways, under each plugin: how many fail, and with the line that blocked
cost   the same suite with the option and without, in turn: how much longer it takes
====== ===========================================================================================================
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from xml.etree import ElementTree

from trio_lab.diagnose.interval import median_interval

PLUGINS = {  # the marker, what the module needs, and its sleep
    "pytest-trio": ("@pytest.mark.trio", "import trio", "trio.sleep"),
    "pytest-asyncio": ("@pytest.mark.asyncio", "", "asyncio.sleep"),
    "anyio": ("@pytest.mark.anyio", "import anyio", "anyio.sleep"),
}
INI = "[pytest]\npythonpath = .\nasyncio_default_fixture_loop_scope = function\n"
RUN = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--junit-xml=told.xml"]
_BURNERS = 2
BURNER = [sys.executable, "-c", "while True: pass"]

QUIET = """
import asyncio, gc, hashlib, importlib, threading, time
import pytest
{imports}

RINGS = [[] for _ in range(100_000)]

{mark}
@pytest.mark.parametrize("number", range({count}))
async def test_quiet(number):
    for _ in range(3):
        await {sleep}(0.001)
        sum(range(20_000))
    if number % 10 == 0:
        for _ in range(3):
            gc.collect()
    if number % 10 == 1:
        importlib.import_module(f"slow_{{number % 50}}")
    if number % 10 == 2:
        open(__file__).read()
    if number % 10 == 3:
        thread = threading.Thread(target=hashlib.pbkdf2_hmac, args=("sha256", b"", b"", 20_000))
        thread.start()
        while thread.is_alive():
            await {sleep}(0.002)
"""

BLOCKING = """
import asyncio, re, socket, threading, time
import pytest
{imports}

def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))

def match(seconds):
    begun, more = time.thread_time(), 14
    while time.thread_time() - begun < seconds:
        more += 1
        re.match("(a+)+$", "a" * more + "b")

def wait(seconds):
    time.sleep(seconds)

def receive(seconds):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Timer(seconds, theirs.send, [b"x"])
        sender.start()
        ours.recv(1)
        sender.join()

{mark}
@pytest.mark.parametrize("milliseconds", range(55, 200, {every}))
@pytest.mark.parametrize("how", [compute, match, wait, receive])
async def test_blocks(how, milliseconds):
    await {sleep}(0.001)
    how(milliseconds / 1e3)
"""


@contextmanager
def suite(plugin: str, text: str, **values: object) -> Iterator[Path]:
    """A folder with tests that know nothing of the lab."""
    mark, imports, sleep = PLUGINS[plugin]
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_it.py").write_text(text.format(mark=mark, imports=imports, sleep=sleep, **values))
        (folder / "pytest.ini").write_text(INI)
        (folder / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n")
        for number in range(50):
            (folder / f"slow_{number}.py").write_text("import time\ntime.sleep(0.07)\n")
        yield folder


def run(folder: Path, *options: str) -> tuple[float, float]:
    """Seconds that it took, and CPU seconds."""
    before, began = getrusage(RUSAGE_CHILDREN), perf_counter()
    subprocess.run([*RUN, *options], cwd=folder, stdout=subprocess.DEVNULL, check=False)
    after = getrusage(RUSAGE_CHILDREN)
    return perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cases(folder: Path) -> list[tuple[str, str | None]]:
    """Each test by its name, with what the plugin said of the loop: None if the test passed."""
    found = []
    for case in ElementTree.parse(folder / "told.xml").iter("testcase"):
        failure = case.find("failure")
        said = None if failure is None else (failure.get("message") or "")
        if case.find("error") is not None or (said is not None and "was blocked" not in said):
            raise RuntimeError(f"{case.get('name')} failed for another reason: {said}")
        found.append((case.get("name") or "", said))
    return found


def false_failures(count: int) -> None:
    burners = [subprocess.Popen(BURNER) for _ in range(_BURNERS)]
    try:
        for plugin in PLUGINS:
            with suite(plugin, QUIET, count=count // len(PLUGINS)) as folder:
                seconds, _ = run(folder, "--no-blocking")
                failed = [(name, said) for name, said in cases(folder) if said is not None]
                print(f"{plugin}: {len(failed)} of {len(cases(folder))} failed, {seconds:.0f} s", flush=True)
                for name, said in failed:
                    print(f"  {name}: {said}")
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def found(every: int) -> None:
    for plugin in PLUGINS:
        with suite(plugin, BLOCKING, every=every) as folder:
            run(folder, "--no-blocking")
            all_ = cases(folder)
            blocked = [(name, said) for name, said in all_ if said is not None]
            with_line = [name for name, said in blocked if f" in {_how(name)}" in said]
            print(f"{plugin}: {len(blocked)} of {len(all_)} failed, {len(with_line)} with the line", flush=True)
            for name, said in all_:
                if said is None or name not in with_line:
                    print(f"  {name}: {said}")


def _how(name: str) -> str:
    how = re.search(r"\[(\w+)-", name)
    assert how is not None
    return how[1]


def cost(pairs: int, count: int, plugins: Sequence[str]) -> None:
    for plugin in plugins:
        with suite(plugin, QUIET, count=count) as folder:
            ratios: dict[str, list[float]] = {"time": [], "CPU time": []}
            for number in range(pairs):
                orders = [("--no-blocking",), ()] if number % 2 else [(), ("--no-blocking",)]
                took = {order: run(folder, *order) for order in orders}
                for found, watched, alone in zip(ratios.values(), took["--no-blocking",], took[()], strict=True):
                    found.append(watched / alone)
            for what, found in ratios.items():
                low, high = median_interval(found) or (min(found), max(found))
                print(f"{plugin}: {what} × {median(found):.3f} ({low:.3f} to {high:.3f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["false", "found", "cost"])
    parser.add_argument("--count", type=int, default=1000, help="tests of a suite (false), or for each plugin (cost)")
    parser.add_argument("--every", type=int, default=6, help="milliseconds between two blocks")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--plugin", action="append", choices=PLUGINS, help="of which the cost is measured (all)")
    arguments = parser.parse_args()
    if arguments.what == "false":
        false_failures(arguments.count)
    elif arguments.what == "found":
        found(arguments.every)
    else:
        cost(arguments.pairs, arguments.count, arguments.plugin or [*PLUGINS])


if __name__ == "__main__":
    main()
