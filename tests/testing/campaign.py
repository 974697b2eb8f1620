"""How right is ``--no-blocking``, and what does it cost? ``python -m tests.testing.campaign false``, ``found`` or ``cost``. The
figures go into docs/testing.md.

====== ===========================================================================================================
false  a thousand tests that do not block, while two other processes compute: how many fail
found  tests that block for 55 to 200 ms in four ways, under each plugin: how many fail, and with the line that blocked
cost   one suite, in which every other ten tests are watched: how much longer these take, and the start of a watched suite
====== ===========================================================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import choices
from resource import RUSAGE_CHILDREN, getrusage
from statistics import mean, median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple
from xml.etree import ElementTree

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

RINGS = [[] for _ in range({rings})]

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

# Of forty tests the second and the third ten are watched. A process is compared with itself: in another one the same work,
# above all collections, may take 10 % more or less, as its memory lies differently. And it slows down as its heap grows.
IN_TURN = """
import json, time
import pytest

TOOK = []

def watched(item):
    return item.callspec.params["number"] // 10 % 4 in (1, 2)

def pytest_collection_modifyitems(items):
    for item in filter(watched, items):
        item.add_marker(pytest.mark.no_blocking)

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    began, used = time.perf_counter(), time.process_time()
    yield
    TOOK.append((time.perf_counter() - began, time.process_time() - used))
    return True

def pytest_sessionfinish():
    with open("took.json", "w") as file:
        json.dump(TOOK, file)
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
    """Seconds that it took, and CPU seconds. Python keeps what it has compiled, as it does unless it is told not to: or else
    to compile the plugin again in each run would be most of what it costs."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = getrusage(RUSAGE_CHILDREN), perf_counter()
    subprocess.run([*RUN, *options], cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=False)
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
            with suite(plugin, QUIET, count=count // len(PLUGINS), rings=100_000) as folder:
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


class Pair(NamedTuple):
    """Two tests of one kind. ``added`` is by how many seconds of CPU time the one took longer that was watched, which tells the
    same as its time with a tenth of the noise. The other one took ``alone_s`` seconds."""

    added: float
    alone_s: float


def cost(processes: int, count: int, plugins: Sequence[str]) -> None:
    for plugin in plugins:
        start = median(starts(plugin, 3 * processes))
        kinds: list[list[Pair]] = [[] for _ in range(10)]
        with suite(plugin, QUIET, count=count, rings=1000) as folder:
            conftest = folder / "conftest.py"
            conftest.write_text(conftest.read_text() + IN_TURN)
            for _ in range(processes):
                run(folder)
                for kind, pairs in zip(kinds, pairs_of(json.loads((folder / "took.json").read_text())), strict=True):
                    kind += pairs
        alone = mean([median(pair.alone_s for pair in kind) for kind in kinds])
        draws = [added([choices(kind, k=len(kind)) for kind in kinds]) for _ in range(1000)]
        low, *_, high = quantiles(draws, n=40)
        print(
            f"{plugin}: a suite of {count} tests takes × {1 + (added(kinds) + start / count) / alone:.3f}: "
            f"{1e3 * added(kinds):.2f} ms more for a test ({1e3 * low:.2f} to {1e3 * high:.2f}) of {1e3 * alone:.1f} ms, "
            f"and {1e3 * start:.0f} ms at the start",
            flush=True,
        )


def starts(plugin: str, pairs: int) -> list[float]:
    """By how many seconds of CPU time a suite of one test takes longer with the option."""
    found = []
    with suite(plugin, QUIET, count=1, rings=0) as folder:
        run(folder, "--no-blocking")  # the first compiles
        for number in range(pairs):
            orders = [("--no-blocking",), ()] if number % 2 else [(), ("--no-blocking",)]
            took = {order: run(folder, *order)[1] for order in orders}
            found.append(took["--no-blocking",] - took[()])
    return found


def pairs_of(took: list[list[float]]) -> list[list[Pair]]:
    """By kind, of the tests of one process: of each forty the first ten with the second, and the last with the third."""
    tens = [took[begin : begin + 10] for begin in range(0, len(took) - len(took) % 40, 10)]
    both = [*zip(tens[::4], tens[1::4], strict=True), *zip(tens[3::4], tens[2::4], strict=True)]
    return [[Pair(watched[kind][1] - alone[kind][1], alone[kind][0]) for alone, watched in both] for kind in range(10)]


def added(kinds: list[list[Pair]]) -> float:
    """Seconds that a test takes longer when it is watched, as a mean over the kinds."""
    return mean([median(pair.added for pair in kind) for kind in kinds])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["false", "found", "cost"])
    parser.add_argument("--count", type=int, default=1000, help="tests in all (false), or of a suite (cost)")
    parser.add_argument("--every", type=int, default=6, help="milliseconds between two blocks")
    parser.add_argument("--processes", type=int, default=4, help="that run a suite (cost)")
    parser.add_argument("--plugin", action="append", choices=PLUGINS, help="of which the cost is measured (all)")
    arguments = parser.parse_args()
    if arguments.what == "false":
        false_failures(arguments.count)
    elif arguments.what == "found":
        found(arguments.every)
    else:
        cost(arguments.processes, arguments.count, arguments.plugin or [*PLUGINS])


if __name__ == "__main__":
    main()
