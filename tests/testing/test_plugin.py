"""Scenarios: pytest in a folder of its own, with tests that know nothing of the lab, under each plugin."""

from __future__ import annotations

import re

import pytest

from trio_lab.loop.stalls import C_CALL, GIL, IMPORT, NOT_RUNNING, PYTHON, Stall
from trio_lab.testing.blocking import blocks, worst_lines

RUNNER = "TestRunner._run_tests_and_fixtures"

TESTS = """
import asyncio, gc, re, time
import pytest
{imports}

RINGS = [[] for _ in range(200_000)]  # what a collection has to look at

def compute():
    end = time.thread_time() + 0.15  # on a busy machine that takes longer
    while time.thread_time() < end:
        sum(range(1000))

def match():
    begun, more = time.thread_time(), 18
    while time.thread_time() - begun < 0.15:
        more += 1
        re.match("(a+)+$", "a" * more + "b")

def wait():
    time.sleep(0.3)

{mark}
@pytest.mark.parametrize("what", [compute, match, wait])
async def test_blocks(what):
    await {sleep}(0.01)
    what()

{mark}
async def test_is_quiet():
    await {sleep}(0.1)
    end = time.perf_counter() + 0.15
    while time.perf_counter() < end:
        gc.collect()

{mark}
async def test_imports():
    await {sleep}(0.01)
    import slow

def test_without_a_loop():
    wait()
"""

PLUGINS = {
    "trio": ("import trio", "@pytest.mark.trio", "trio.sleep", []),
    "asyncio": ("", "@pytest.mark.asyncio", "asyncio.sleep", []),
    "anyio": ("import anyio", "@pytest.mark.anyio", "anyio.sleep", []),
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_test_that_blocks_its_loop_fails_with_the_line(pytester: pytest.Pytester, plugin: str) -> None:
    imports, mark, sleep, options = PLUGINS[plugin]
    pytester.makepyfile(slow="import time\ntime.sleep(0.3)\n")
    pytester.makepyfile(test_it=TESTS.format(imports=imports, mark=mark, sleep=sleep))
    pytester.makeini("[pytest]\npythonpath = .\nasyncio_default_fixture_loop_scope = function\n")
    if plugin == "anyio":
        pytester.makeconftest(
            "import pytest\n@pytest.fixture(params=['asyncio', 'trio'])\ndef anyio_backend(request): return request.param"
        )
    done = pytester.runpytest_subprocess("--no-blocking", "-p", "no:cacheprovider", *options)
    times = 2 if plugin == "anyio" else 1
    done.assert_outcomes(failed=3 * times, passed=2 * times + 1)
    said = done.stdout.str()
    for function in ("compute", "match", "wait"):
        assert re.search(rf"\d+ ms \([a-z ]+\): .*test_it.py:\d+ in {function}", said), function
    assert "lines that blocked the event loop" in said


def test_only_tests_that_ask_for_it_are_watched(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio, time, pytest

        async def block(): time.sleep(0.2)

        @pytest.fixture
        def marked(request): request.node.add_marker(pytest.mark.no_blocking)

        def test_does_not_ask(): asyncio.run(block())
        @pytest.mark.no_blocking
        def test_by_a_marker(): asyncio.run(block())
        @pytest.mark.no_blocking(budget=5)
        def test_by_a_longer_budget(): asyncio.run(block())
        @pytest.mark.no_blocking(5)
        def test_by_a_longer_budget_without_a_name(): asyncio.run(block())
        def test_by_the_fixture(no_blocking): asyncio.run(block())
        def test_by_a_fixture_that_marks_it(marked): asyncio.run(block())
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA")
    done.assert_outcomes(failed=3, passed=3)
    for name in ("by_a_marker", "by_the_fixture", "by_a_fixture_that_marks_it"):
        done.stdout.fnmatch_lines([f"FAILED *::test_{name}*"])
    done.stdout.fnmatch_lines(["*ms (blocking call): *.py:3 in block*"])


def test_between_tests_nothing_is_left_of_the_watch(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import asyncio, gc, os, threading, time, warnings, pytest, trio\n"
        "@pytest.mark.no_blocking\ndef test_asks(): pass\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "def test_closes(number): asyncio.run(asyncio.sleep(0))\n"
        "@pytest.mark.no_blocking\n"
        "def test_leaves_a_loop_open():\n"
        "    loop = asyncio.new_event_loop()\n"
        "    loop.run_until_complete(asyncio.sleep(0))\n"
        "    del loop\n"
        "    with warnings.catch_warnings(): warnings.simplefilter('ignore'); gc.collect()\n"
        "def test_its_loop_is_not_kept():\n"
        "    with pytest.warns(ResourceWarning, match='unclosed event loop'): gc.collect()\n"
        "async def count(): return threading.active_count()\n"
        "@pytest.mark.no_blocking\n"
        "def test_has_a_thread_to_itself():\n"
        "    assert asyncio.run(count()) == threading.active_count() == 1\n"
        "def test_forks_without_a_warning():\n"
        "    assert os.waitpid(os.fork() or os._exit(7), 0)[1] >> 8 == 7\n"
        "@pytest.mark.no_blocking\n"
        "def test_forks_within_a_loop():\n"
        "    async def fork():\n"
        "        assert os.waitpid(os.fork() or os._exit(7), 0)[1] >> 8 == 7\n"
        "        await asyncio.sleep(0)\n"
        "        time.sleep(0.2)\n"
        "    asyncio.run(fork())\n"
        "@pytest.mark.no_blocking\n"
        "def test_a_process_that_was_forked_runs_loops():\n"
        "    if not (child := os.fork()):\n"
        "        try:\n"
        "            asyncio.run(asyncio.sleep(0)); trio.run(trio.sleep, 0)\n"
        "            os._exit(7)\n"
        "        finally: os._exit(1)\n"
        "    assert os.waitpid(child, 0)[1] >> 8 == 7\n"
    )
    done = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:timeout", "-p", "no:asyncio", "-W", "error"
    )
    done.assert_outcomes(passed=9, failed=1)
    done.stdout.fnmatch_lines(["*ms (blocking call): *.py:* in *fork*"])


@pytest.mark.parametrize("option", [(), ("--no-blocking",)])
def test_a_suite_without_a_loop_imports_neither_library(pytester: pytest.Pytester, option: tuple[str, ...]) -> None:
    pytester.makepyfile("import sys\ndef test_it(): assert not {'trio', 'asyncio', 'msgspec'} & {*sys.modules}\n")
    pytester.plugins = ["trio_lab.testing.plugin"]
    pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.runpytest_subprocess("-p", "no:cacheprovider", *option).assert_outcomes(passed=1)


def test_a_budget_in_milliseconds_is_an_error(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess("--no-blocking", "--no-blocking-budget", "50")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*in seconds, not milliseconds*"])


def test_a_test_that_fails_anyway_says_why(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import asyncio, time\ndef test_it(no_blocking):\n"
        "    async def main():\n        time.sleep(0.2)\n        assert 1 == 2\n    asyncio.run(main())\n"
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*assert 1 == 2*"])


@pytest.mark.parametrize(
    ("stall", "fails"),
    [
        (Stall(duration=0.06, cause=PYTHON, filename="app.py"), True),
        (Stall(duration=0.06, cause=C_CALL, filename="app.py"), True),
        (Stall(duration=0.04, cause=PYTHON, filename="app.py"), False),
        (Stall(duration=0.06, cause=PYTHON, filename="app.py", lost=0.011), True),
        (Stall(duration=0.06, cause=PYTHON, filename="app.py", lost=0.02), False),
        (Stall(duration=0.06, cause=NOT_RUNNING, filename="app.py"), False),
        (Stall(duration=0.06, cause=GIL, filename="app.py"), False),
        (Stall(duration=0.2, cause=NOT_RUNNING, filename="app.py", lost=0.14, cpu=0.06), True),
        (Stall(duration=0.2, cause=IMPORT, filename="app.py", cpu=0.2), False),
        (Stall(duration=0.06, cause=PYTHON, filename="/x/site-packages/_pytest/python.py"), False),
        (Stall(duration=0.06, cause=PYTHON, filename="/x/anyio/pytest_plugin.py"), False),
        (Stall(duration=0.06, cause=PYTHON, filename="/x/anyio/_backends/_asyncio.py", function=RUNNER), False),
        (
            Stall(
                duration=0.06, cause=PYTHON, filename="/x/anyio/_backends/_asyncio.py", function="CancelScope.cancel"
            ),
            True,
        ),
        (Stall(duration=0.06, cause=PYTHON), False),
    ],
)
def test_what_blocks_is_a_line_of_the_program_over_the_budget(stall: Stall, fails: bool) -> None:
    assert blocks(stall, 0.05) is fails


def test_the_worst_lines_are_those_that_took_most_in_all() -> None:
    found = [
        "70 ms (python): a.py:1 in one, task t",
        "60 ms (python): a.py:2 in two, task t, GET /",
        "90 ms (c call): a.py:2 in two",
        "50 ms (python): a.py:2 in two, task u",
    ]
    assert worst_lines(found) == [
        "110 ms in 2 passes, at most 60 ms: a.py:2 in two (python)",
        "90 ms: a.py:2 in two (c call)",
        "70 ms: a.py:1 in one (python)",
    ]
    assert len(worst_lines(f"1 ms (python): a.py:{number} in f" for number in range(50))) == 10


def test_each_test_has_a_budget_of_its_own_and_every_loop_is_watched(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio, threading, time, pytest, trio, uvloop

        async def block(seconds):
            await asyncio.sleep(0)
            time.sleep(seconds)

        @pytest.mark.no_blocking(budget=1)
        def test_long(): asyncio.run(block(0.2))

        @pytest.mark.no_blocking(budget=0.02)
        def test_short(): asyncio.run(block(0.1))

        @pytest.mark.no_blocking(budget=1)
        def test_long_again(): asyncio.run(block(0.2))

        def test_its_second_loop():
            asyncio.run(asyncio.sleep(0))
            asyncio.run(block(0.2))

        def test_a_loop_in_a_thread():
            thread = threading.Thread(target=asyncio.run, args=(block(0.2),))
            thread.start()
            thread.join()

        def test_uvloop(): uvloop.run(block(0.2))

        def test_a_guest():
            async def host():
                over = asyncio.get_running_loop().create_future()
                soon = asyncio.get_running_loop().call_soon_threadsafe
                trio.lowlevel.start_guest_run(guest, run_sync_soon_threadsafe=soon, done_callback=over.set_result)
                (await over).unwrap()
            async def guest():
                await trio.sleep(0)
                time.sleep(0.2)
            asyncio.run(host())
        """
    )
    done = pytester.runpytest_subprocess("--no-blocking", "-p", "no:cacheprovider", "-v")
    done.assert_outcomes(passed=2, failed=5)
    done.stdout.fnmatch_lines(["*test_long PASSED*", "*test_short FAILED*", "*test_long_again PASSED*"])


def test_a_uvloop_that_came_too_early_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import uvloop\ndef test_it(no_blocking): pass\n")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.stdout.fnmatch_lines(["no_blocking: uvloop was imported too early*"])
