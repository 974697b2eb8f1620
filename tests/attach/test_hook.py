"""End to end: what the hook does in the Python processes of a program, and that the program does not notice.

`with_hook` and `without` run the same program; its output and its exit code have to be the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
import trio

from trio_lab.stage.views import Views, open_views

RUN = "import sys, os, json, trio\nasync def main():\n    await trio.sleep(0)\n"
ENVIRONMENT = dict(os.environ)


async def run(
    program: str | Path,
    views: Views | None = None,
    *,
    options: tuple[str, ...] = (),
    cwd: str | Path | None = None,
    **environ: str,
) -> subprocess.CompletedProcess[str]:
    environment = ENVIRONMENT | environ
    done = await trio.run_process(
        [sys.executable, *options, *(["-c", program] if isinstance(program, str) else [program])],
        env=environment if views is None else views.environment(environment),
        cwd=cwd,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


async def check_unchanged(
    program: str | Path, *, seen: int = 1, **environ: str
) -> tuple[subprocess.CompletedProcess[str], Views]:
    """The program does the same with the hook as without, and so many loops report."""
    without = await run(program, **environ)
    async with open_views(budget=0.02) as views:
        done = await run(program, views, **environ)
        assert (done.returncode, done.stdout, done.stderr) == (without.returncode, without.stdout, without.stderr)
        assert len(views.all) == seen, views.notes()
    return done, views


async def test_the_environment_the_path_and_the_tasks_are_as_without_the_hook() -> None:
    tell = """
    names = sorted(name for name in os.environ if name != "_")
    print(json.dumps([names, os.environ.get("PYTHONPATH"), sys.path]))
    print([task.name for nursery in trio.lowlevel.current_root_task().child_nurseries for task in nursery.child_tasks])
    print(trio.lowlevel.current_statistics().tasks_living, os.listdir("/proc/self/cwd") == os.listdir("."))
trio.run(main)
"""
    await check_unchanged(RUN + tell)
    done, _ = await check_unchanged(RUN + tell, PYTHONPATH="/somewhere:/else")
    assert json.loads(done.stdout.splitlines()[0])[1] == "/somewhere:/else"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("    raise ValueError('planted')\ntrio.run(main)", 1),
        ("    sys.exit(7)\ntrio.run(main)", 7),
        ("trio.run(main, 'too many')", 1),
        ("    os.abort()\ntrio.run(main)", -6),
    ],
    ids=["error", "exit", "bad call", "abort"],
)
async def test_tracebacks_and_exit_codes_are_the_programs_own(ending: str, code: int) -> None:
    done, _ = await check_unchanged(RUN + ending)
    assert done.returncode == code


async def test_every_run_reports_one_after_the_other_and_beside_each_other() -> None:
    twice = "trio.run(main); trio.run(main)\n"
    _, views = await check_unchanged(RUN + twice, seen=2)
    assert all(view.lost.is_set() for view in views.all)
    assert all(view.health is not None for view in views.all)
    threads = (
        "import threading\nfor _ in 'ab':\n    t = threading.Thread(target=trio.run, args=(main,)); t.start(); t.join()"
    )
    await check_unchanged(RUN + threads, seen=2)


async def test_a_run_with_instruments_of_its_own_reports_as_well() -> None:
    await check_unchanged(RUN + "print(trio.run(main, instruments=[trio.abc.Instrument()]))")


async def test_a_guest_run_reports_beside_its_host() -> None:
    guest = """
import asyncio
async def long():
    await trio.sleep(0.3)
async def host():
    ended = asyncio.get_running_loop().create_future()
    soon = asyncio.get_running_loop().call_soon_threadsafe
    trio.lowlevel.start_guest_run(long, run_sync_soon_threadsafe=soon, done_callback=ended.set_result)
    print((await ended).unwrap())
asyncio.run(host())
"""
    _, views = await check_unchanged(RUN + guest, seen=2)
    assert {view.about["loop"] for view in views.all} == {"trio", "asyncio"}


async def test_an_asyncio_loop_reports_its_passes_and_the_line_that_blocks_it() -> None:
    program = """
import asyncio, sys, time
sys.modules["trio"] = None  # it is not installed
async def main():
    await asyncio.sleep(0.2)
    time.sleep(0.1)
    await asyncio.sleep(1)
asyncio.run(main())
"""
    async with open_views(budget=0.02) as views, trio.open_nursery() as nursery:
        nursery.start_soon(run, program, views)
        await views.changed.wait()
        [view] = views.all
        await trio.sleep(0.3)
        health = await view.ask()
    assert health.runtime == "asyncio"
    assert health.loop.max is not None
    assert health.loop.max >= 0.1
    assert health.loop.blind is None
    [stall] = view.stalls
    assert (stall.cause, stall.function, stall.task_name) == ("blocking call", "main", "main")


async def test_an_asyncio_loop_that_runs_again_in_another_thread_is_watched_there_until_it_is_closed() -> None:
    """The first thread has ended, so its clock cannot be read; and what the second one did is told although nobody asks."""
    program = """
import asyncio, threading, time
loop = asyncio.new_event_loop()
def block():
    time.sleep(0.1)
async def work(blocks):
    await asyncio.sleep(0.2)
    blocks and block()
    await asyncio.sleep(0.01)
for blocks in (False, True):
    thread = threading.Thread(target=loop.run_until_complete, args=(work(blocks),))
    thread.start()
    thread.join()
loop.close()
print("closed", loop.is_closed())
"""
    done, views = await check_unchanged(program)
    assert done.stdout == "closed True\n"
    [view] = views.all
    assert [(stall.cause, stall.function, stall.task_name) for stall in view.stalls] == [
        ("blocking call", "block", "work")
    ]


async def test_loops_that_are_never_closed_are_watched_up_to_a_number() -> None:
    program = """
import asyncio
loops = [asyncio.new_event_loop() for _ in range(66)]
async def wait():
    await asyncio.sleep(0.11)
for loop in loops:
    loop.run_until_complete(wait())
"""
    async with open_views(budget=0.02) as views:
        done = await run(program, views)
        assert done.returncode == 0
        [(kind, text)] = views.notes().values()
    assert len(views.all) == 64
    assert (kind, text) == ("failed", "64 event loops are watched and not closed, so no other one is watched")


async def test_short_asyncio_runs_and_runs_on_a_clock_of_a_test_are_left_alone() -> None:
    await check_unchanged("import asyncio\nfor _ in range(5): asyncio.run(asyncio.sleep(0))", seen=0)
    mock = "import trio.testing\nasync def main():\n    await trio.sleep(1000); print(trio.current_time())\n"
    await check_unchanged(mock + "trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))", seen=0)


async def test_processes_that_a_reporting_one_starts_do_not_report(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("""
import multiprocessing, os, subprocess, sys, trio
async def nothing():
    await trio.sleep(0)
def again():
    trio.run(nothing)
async def main():
    child = subprocess.run([sys.executable, "-c", "import trio; trio.run(trio.sleep, 0); print('child')"], stdout=-1)
    print(child.stdout)
    for way in ("spawn", "forkserver"):
        process = multiprocessing.get_context(way).Process(target=again)
        process.start()
        process.join()
        print(process.exitcode)
    if not os.fork():
        os.execv(sys.executable, [sys.executable, "-c", "import trio; trio.run(trio.sleep, 0)"])
    print(os.wait()[1])
if __name__ == "__main__":
    trio.run(main)
    if not os.fork():
        trio.run(nothing)
        os._exit(0)
    print(os.wait()[1])
""")
    # Python 3.12 and later warn where a process with threads forks.
    await check_unchanged(program, PYTHONWARNINGS="ignore::DeprecationWarning")


async def test_a_process_that_was_forked_before_the_run_reports() -> None:
    """As the workers of a server that forks, which has no loop itself."""
    forks = "for _ in 'ab':\n    if not os.fork():\n        trio.run(main); os._exit(0)\n    print(os.wait()[1])"
    _, views = await check_unchanged(RUN + forks, seen=2)
    assert len({view.pid for view in views.all}) == 2


async def test_a_forked_process_does_not_keep_the_connection() -> None:
    program = """
async def main():
    if not os.fork():
        os.execv("/bin/sleep", ["sleep", "60"])
    pid = os.fork()
    if not pid:
        os.read(0, 1)
        os._exit(0)
    os._exit(0)
trio.run(main)
"""
    async with open_views(budget=0.02) as views:
        with subprocess.Popen(
            [sys.executable, "-c", RUN + program],
            env=views.environment(ENVIRONMENT),
            stdin=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            while not views.all:
                await views.changed.wait()
            await views.all[0].lost.wait()  # while its forked children live
            os.killpg(process.pid, 9)


async def test_without_the_doctor_nothing_happens() -> None:
    without = await run(RUN + "trio.run(main); print(1)")
    async with open_views(budget=0.02) as views:
        environment = views.environment(ENVIRONMENT)
    done = await run(RUN + "trio.run(main); print(1)", **environment)
    assert (done.returncode, done.stdout, done.stderr) == (without.returncode, without.stdout, without.stderr)


async def test_a_doctor_that_goes_leaves_the_run_as_it_was() -> None:
    program = """
async def wait():
    print(len(trio._core._run.GLOBAL_RUN_CONTEXT.runner.instruments["_all"]), flush=True)
    await trio.to_thread.run_sync(sys.stdin.readline)
    await trio.sleep(0.05)
    print(len(trio._core._run.GLOBAL_RUN_CONTEXT.runner.instruments["_all"]))
trio.run(wait)
"""
    async with open_views(budget=0.02) as views:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN + program], env=views.environment(ENVIRONMENT), stdin=-1, stdout=-1, text=True
        )
        assert process.stdout is not None
        before = int(process.stdout.readline())
        while not views.all:
            await views.changed.wait()
    with process:
        after = int(process.communicate("\n")[0])
    assert before > after
    assert process.returncode == 0


@pytest.mark.parametrize("options", [("-I",), ("-E",), ("-S", "-E")])
async def test_a_python_that_does_not_load_the_hook_is_not_looked_into(options: tuple[str, ...]) -> None:
    async with open_views(budget=0.02) as views:
        done = await run("print(1)", views, options=options)
    assert done.stdout == "1\n"
    assert (views.all, views.notes()) == ([], {})


@pytest.mark.parametrize("custom", ["print('custom')", "raise ValueError", "import no_such_module"])
async def test_the_users_sitecustomize_runs_as_always(tmp_path: Path, custom: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(custom)
    program = RUN + "trio.run(main); print(getattr(sys.modules.get('sitecustomize'), '__file__', None))"
    done, _ = await check_unchanged(program, PYTHONPATH=str(tmp_path))
    assert ("custom" in done.stdout) == ("print" in custom)
    assert ("Error in sitecustomize" in done.stderr) == ("print" not in custom)


async def test_a_trio_that_is_too_old_is_named(tmp_path: Path) -> None:
    (tmp_path / "trio.py").write_text("__version__ = '0.22.2'\nprint('old')")
    async with open_views(budget=0.02) as views:
        done = await run("import trio", views, PYTHONPATH=str(tmp_path))
        [(kind, text)] = views.notes().values()
    assert (done.stdout, done.stderr) == ("old\n", "")
    assert kind == "failed"
    assert text.startswith("Trio 0.22.2 is too old for the watch")


async def test_a_trio_lab_of_the_program_that_has_no_hook_is_named(tmp_path: Path) -> None:
    (tmp_path / "trio_lab.py").write_text("__version__ = '0.0.1'")
    async with open_views(budget=0.02) as views:
        done = await run(RUN + "trio.run(main)", views, cwd=tmp_path)
        [(kind, text)] = views.notes().values()
    assert (done.returncode, done.stderr) == (0, "")
    assert kind == "failed"
    assert "the program has trio_lab 0.0.1" in text


@pytest.fixture(scope="module")
def trio_alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment that has Trio and what it needs, and nothing of ours."""
    folder = tmp_path_factory.mktemp("trio")
    venv.create(folder, symlinks=True)
    [site] = folder.glob("lib/python*/site-packages")
    for name in ("trio", "attrs", "sortedcontainers", "idna", "outcome", "sniffio"):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            (site / top).symlink_to(distribution.locate_file(top))
    return str(folder / "bin" / "python")


async def test_a_program_needs_nothing_but_trio(trio_alone: str) -> None:
    program = RUN + "    await trio.sleep(0.05)\ntrio.run(main); print('msgspec' in sys.modules)"
    async with open_views(budget=0.02) as views:
        done = await trio.run_process(
            [trio_alone, "-c", program], env=views.environment(ENVIRONMENT), capture_stdout=True, capture_stderr=True
        )
        [view] = views.all
    assert (done.stdout, done.stderr) == (b"False\n", b"")
    assert view.health is not None


async def test_the_programs_own_bulkheads_and_pools_are_among_the_queues() -> None:
    program = """
import trio
from trio_lab import Bulkhead, open_native_pool
one, other = Bulkhead("database", capacity=2), Bulkhead("database", capacity=3)
async def main():
    async with one.place(), open_native_pool(size=5, name="files"):
        await trio.sleep_forever()
trio.run(main)
"""
    async with open_views(budget=0.02) as views:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, program, views)
            while not views.all:
                await views.changed.wait()
            names: set[str] = set()
            while "files" not in names:  # the loop reports before the program has a place and its pool
                health = await views.all[0].ask()
                names = {queue.name for queue in health.queues}
            nursery.cancel_scope.cancel()
    capacities = {queue.name: queue.capacity for queue in health.queues}
    assert capacities == {"run_queue": 1, "default_limiter": 40, "database": 2, "database#2": 3, "files": 5}
    assert health.queue("database").in_service == 1


async def test_tests_of_a_program_pass_under_the_hook(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import trio\n\nasync def test_one(nursery):\n    await trio.sleep(0)\n\n"
        "async def test_two(autojump_clock):\n    await trio.sleep(1000)\n    assert trio.current_time() == 1000\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    async with open_views(budget=0.02) as views:
        done = await trio.run_process(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", str(tmp_path)],
            env=views.environment(ENVIRONMENT),
            capture_stdout=True,
            check=False,
        )
    assert b"2 passed" in done.stdout, done.stdout.decode()
    assert len(views.all) == 1  # the other has a clock of its own
