"""End to end: programs that know nothing of trio_lab, looked into by a watch that they did not ask for.

The programs in `tests/attach/programs` have their own exit codes and output, and a comment at the line that blocks.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from tests.running import until_gone
from tests.waiting import wait_until
from trio_lab.errors import UsageError
from trio_lab.load.client import fetch
from trio_lab.load.generator import run_load
from trio_lab.load.plan import LoadPlan
from trio_lab.loop.stalls import Stall
from trio_lab.measure.process import lives
from trio_lab.records.health import Health
from trio_lab.stage.attached import BUDGET, ProgramEnded, attached

PROGRAMS = Path(__file__).parents[1] / "attach" / "programs"
BARE = [sys.executable, "-I", "-S", "-c"]  # starts fast, and cannot be looked into
LISTEN = "import socket, time, os, sys; s = socket.create_server(('127.0.0.1', 0)); "
HYPERCORN = [sys.executable, "-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:0", "quart_app:app"]


def planted_in(program: str) -> int:
    lines = (PROGRAMS / program).read_text().splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if line.endswith("# planted")]
    return number


async def load(url: str) -> None:
    result = (await run_load(LoadPlan(url=url, connections=2, duration=0.5, timeout=20.0))).result
    assert result.requests.ok


@pytest.mark.parametrize(
    ("command", "program", "path", "cause", "task", "code", "printed"),
    [
        (
            [sys.executable, "plain.py"],
            "plain.py",
            "/report",
            "blocking call",
            "_run_handler",
            4,
            "starting\nserving\n",
        ),
        (HYPERCORN, "quart_app.py", "/search", "c call", "handle_request", 0, "served\n"),
        ([sys.executable, "threads.py"], "threads.py", "/sum", None, "checksum", 5, "threads: True\n"),
    ],
    ids=["plain Trio", "Quart-trio under hypercorn", "threads"],
)
async def test_the_planted_line_is_named_with_its_task(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    program: str,
    path: str,
    cause: str | None,
    task: str,
    code: int,
    printed: str,
) -> None:
    monkeypatch.chdir(PROGRAMS)
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        async with attached(command, stdout=out, stderr=err) as service:
            assert service.blind_to == ()
            first = await service.sample()
            await load(service.url + path)
            health = await service.sample()
            family = service.program.family()
    assert (service.program.code, service.program.killed) == (code, 0)
    assert (tmp_path / "out").read_text() == printed
    assert "trio_lab" not in (tmp_path / "err").read_text()
    assert not any(lives(pid) for pid in family)
    check_stalls(service.stalls(), PROGRAMS / program, planted_in(program), cause, task)
    check_health(first, health, PROGRAMS / program)


def check_stalls(stalls: list[Stall], file: Path, line: int, cause: str | None, task: str) -> None:
    """The planted line cost most. What Python code does beside other threads may be taken for a C call."""
    cost: dict[tuple[str, int], float] = {}
    for stall in stalls:
        if stall.filename:  # else the machine was not ours, and no line is to blame
            place = stall.filename, stall.lineno
            cost[place] = cost.get(place, 0.0) + stall.duration
    assert max(cost, key=cost.__getitem__) == (str(file), line)
    found = [stall for stall in stalls if (stall.filename, stall.lineno) == (str(file), line)]
    assert cause is None or cause in {stall.cause for stall in found}
    assert any(stall.task_name.endswith(task) and stall.path[-1] == stall.task_name for stall in found)


def check_health(first: Health | None, health: Health | None, file: Path) -> None:
    assert first is not None
    assert health is not None
    assert health.runtime == "trio"
    assert health.loop.passes
    assert health.loop.max is not None
    assert health.loop.max > BUDGET
    assert (health.queue("run_queue").completions or 0) > (first.queue("run_queue").completions or 0)
    assert [queue.name for queue in health.queues] == ["accept_backlog", "run_queue", "default_limiter"]
    assert health.queue("accept_backlog").max_waiting
    assert health.queue("default_limiter").capacity == 40
    assert first.usage is not None
    assert health.usage is not None
    assert health.usage.cpu > first.usage.cpu
    assert health.usage.run_delay is not None
    assert health.process is not None
    assert health.process.descriptors
    assert health.stalls is not None
    assert str(file) in {stall.filename for stall in health.stalls}


async def test_of_several_workers_one_is_looked_into_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROGRAMS)
    async with attached([*HYPERCORN, "-w", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as service:
        while not service.blind_to:  # until the second one reports
            assert await service.sample() is not None
            await trio.sleep(0.01)
        first = service.view
        assert first is not None
        [unseen] = service.blind_to
        assert unseen == f"2 processes serve, and the figures are those of one of them ({first.pid})"
        assert service.view is first


async def test_a_loop_that_does_not_serve_gives_way_to_the_one_that_does(tmp_path: Path) -> None:
    """A helper reports first; the worker that serves is replaced when it ends."""
    program = tmp_path / "program.py"
    program.write_text("""
import os, socket, subprocess, sys, time, trio
async def serve():
    await trio.serve_listeners(lambda stream: stream.aclose(), [trio.SocketListener(trio.socket.from_stdlib_socket(s))])
helper = subprocess.Popen([sys.executable, "-c", "import trio; trio.run(trio.sleep, 60)"])
time.sleep(0.5)
s = socket.create_server(("127.0.0.1", 0))
for _ in range(2):
    if not os.fork():
        trio.run(serve)
    os.wait()
""")
    async with attached([sys.executable, str(program)], stderr=subprocess.DEVNULL) as service:
        first = service.view
        assert first is not None
        assert first.pid == service.program.family()[-1]
        assert service.blind_to == ()
        os.kill(first.pid, signal.SIGKILL)
        await first.lost.wait()
        await wait_until(lambda: service.view and service.view.about.get("loop") == "trio" and not service.blind_to)
        assert service.view is not first


async def test_a_window_of_figures_begins_with_each_sample() -> None:
    async with attached([sys.executable, str(PROGRAMS / "plain.py")], stdout=subprocess.DEVNULL, stderr=-3) as service:
        await fetch(service.url + "/report")
        blocked, calm = await service.sample(), await service.sample()
    assert blocked is not None
    assert calm is not None
    assert blocked.loop.max is not None
    assert calm.loop.max is not None
    assert blocked.loop.max >= 0.06  # it sleeps for so long
    assert calm.loop.max < blocked.loop.max


async def test_a_program_that_cannot_be_looked_into_is_served_all_the_same() -> None:
    async with attached([*BARE, LISTEN + "time.sleep(60)"], stderr=subprocess.DEVNULL) as service:
        assert service.url.startswith("http://127.0.0.1:")
        assert await service.sample() is None
        [reason] = service.blind_to
        assert "has -I, -E or -S" in reason
        assert service.cpu_seconds() >= 0


async def test_a_program_without_a_loop_says_so() -> None:
    command = [sys.executable, "-c", LISTEN + "time.sleep(60)"]
    async with attached(command, stderr=subprocess.DEVNULL) as service:
        [reason] = service.blind_to
    assert "Trio and asyncio were not imported" in reason


async def test_a_program_that_ends_at_once_is_told_with_its_code() -> None:
    with pytest.raises(ProgramEnded, match=r"exit 3 ended before it listened \(exit code 3\)$") as ended:
        async with attached(["sh", "-c", "exit 3"]):
            pytest.fail("it serves nothing")
    assert ended.value.code == 3


async def test_a_program_that_dies_within_the_block_cancels_it() -> None:
    async def kill_it() -> None:
        async with attached([*BARE, LISTEN + "time.sleep(60)"]) as service:
            os.kill(service.program.pid, signal.SIGKILL)
            await trio.sleep_forever()

    with pytest.raises(ProgramEnded, match=r"ended after .* s \(signal 9\)$") as ended:
        await kill_it()
    assert ended.value.code == -signal.SIGKILL


async def test_a_program_that_never_listens_is_ended() -> None:
    with pytest.raises(UsageError, match=r"^sleep 60 did not listen on any port within 0.1 s$"):
        async with attached(["sleep", "60"], start_time=0.1):
            pytest.fail("it serves nothing")


async def test_of_several_ports_one_has_to_be_chosen() -> None:
    two = [*BARE, LISTEN + "t = socket.create_server(('127.0.0.1', 0)); time.sleep(60)"]
    with pytest.raises(UsageError, match=r"listens on several ports: \d+, \d+\. Choose one with --port$"):
        async with attached(two):
            pytest.fail("which one?")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = [*BARE, LISTEN + f"t = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"]
    async with attached(chosen, port=port, stderr=subprocess.DEVNULL) as service:
        assert service.url == f"http://127.0.0.1:{port}"


async def test_the_port_of_another_program_is_not_taken_for_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            UsageError, match=f"port {port} within .*; process {os.getpid()} does, which is not part of it"
        ):
            async with attached(["sleep", "60"], port=port, start_time=0.1):
                pytest.fail("another program serves there")


async def test_a_program_that_prints_without_end_is_served() -> None:
    """What it prints goes where our output goes, and not through us."""
    flood = "\nwhile True: os.write(1, b'x' * 10**5)"
    async with attached([*BARE, LISTEN + flood], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as service:
        assert service.listener is not None
    assert service.program.code is not None


async def test_processes_that_it_forked_are_found_and_ended() -> None:
    """The child serves, and has left the session."""
    forks = "pid = os.fork(); os.setsid() if not pid else s.close(); time.sleep(60)"
    async with attached([*BARE, LISTEN + forks], grace=0.1, stderr=subprocess.DEVNULL) as service:
        assert service.listener is not None
        family = service.program.family()
        assert len(family) == 2
        assert service.listener.pids[-1] == family[1]
    assert not any(lives(pid) for pid in family)


def killed(command: Sequence[str], number: int) -> list[int]:
    """The processes of a program whose doctor gets a signal."""
    code = f"""
import sys, trio
from trio_lab.stage.attached import attached
async def main():
    async with attached({list(command)!r}, grace=0.1) as service:
        print(*service.program.family(), flush=True)
        await trio.sleep_forever()
trio.run(main)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as doctor:
        assert doctor.stdout is not None
        family = [int(pid) for pid in doctor.stdout.readline().split()]
        assert family
        doctor.send_signal(number)
    return family


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_no_program_outlives_the_doctor(number: int) -> None:
    until_gone(killed([*BARE, LISTEN + "os.fork(); time.sleep(60)"], number))
