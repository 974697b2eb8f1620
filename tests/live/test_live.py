"""A program seen live: what is told of it while its loop passes, is blocked, and while its process is stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.waiting import until
from trio_lab.measure.process import children, lives
from trio_lab.records.codec import decode
from trio_lab.records.live import LiveState, LiveView

_PROGRAM = os.path.join("tests", "live", "program.py")


@dataclass
class Seen:
    process: subprocess.Popen[str]
    host: str

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def state(self) -> tuple[int, LiveState]:
        status, body = self.ask("/live")
        return status, decode(LiveState, body)

    def until(self, condition: Callable[[LiveState], bool]) -> LiveState:
        end = time.monotonic() + 20
        while True:
            status, state = self.state()
            assert status == state.status
            if condition(state):
                return state
            assert time.monotonic() < end, state
            time.sleep(0.02)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    @property
    def side_process(self) -> int:
        [pid] = children(self.process.pid)
        return pid


@contextmanager
def program(loop: str, *, expect: int = 0) -> Iterator[Seen]:
    command = [sys.executable, "-m", "tests.live.program", loop]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            seen = Seen(process, urlsplit(process.stdout.readline().strip()).netloc)
            seen.until(lambda state: state.state == "passing")
            yield seen
            process.communicate(timeout=20)
            assert process.returncode == expect
        finally:
            process.kill()


def _named(cause: str, function: str, label: str | None = None) -> Callable[[LiveState], bool]:
    def named(state: LiveState) -> bool:
        where = state.where or ""
        right = _PROGRAM in where and where.endswith(f" in {function}")
        return state.state == "blocked" and state.cause == cause and right and state.label == label

    return named


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """A program on Trio."""
    with program("trio") as seen:
        yield seen


def test_a_line_of_python_is_named(seen: Seen) -> None:
    seen.tell("python 2.5")
    state = seen.until(_named("python", "compute", "GET /python"))
    assert state.held_up_by == "loop"
    assert state.for_ >= 1.0
    seen.until(lambda state: state.state == "passing")


def test_a_c_call_that_holds_the_gil_is_named_with_its_line() -> None:
    with program("trio", expect=-signal.SIGKILL) as seen:
        seen.tell("c 60")
        assert seen.until(_named("c call", "hold_gil")).held_up_by == "loop"
        seen.process.kill()


def test_a_stopped_process_is_told_and_comes_back(seen: Seen) -> None:
    seen.process.send_signal(signal.SIGSTOP)
    state = seen.until(lambda state: state.state == "stopped")
    assert (state.cause, state.held_up_by) == ("not running", "process")
    assert seen.ask("/ready")[0] == 503
    seen.process.send_signal(signal.SIGCONT)
    seen.until(lambda state: state.state == "passing")
    assert seen.ask("/ready")[0] == 200


def test_what_is_answered(seen: Seen) -> None:
    view = decode(LiveView, seen.ask("/view")[1])
    assert view.figures is not None
    assert view.figures.pid == seen.process.pid
    assert view.figures.service == "program.py"
    assert [queue.name for queue in view.figures.health.queues] == ["run_queue", "default_limiter"]
    assert json.loads(seen.ask("/history")[1])["queues"][0]["name"] == "run_queue"
    assert seen.ask("/nothing")[0] == 404
    assert seen.ask("/live", "DELETE")[0] == 405
    assert seen.ask("/live", Host="evil.example")[0] == 403
    assert seen.ask("/live", Host="10.1.2.3:9")[0] == 200
    assert seen.ask("/live", "HEAD") == (200, b"")
    assert seen.ask("/load", "POST", "/hash", Origin=f"http://{seen.host}")[0] == 404
    assert seen.ask("/loads") == (200, b"{}")
    status, page = seen.ask("/")
    assert status == 200
    assert b"<title>trio-lab live</title>" in page


def test_events_come_without_being_asked_for(seen: Seen) -> None:
    connection = http.client.HTTPConnection(seen.host, timeout=10)
    connection.request("GET", "/events")
    events = connection.getresponse()
    views: list[LiveView] = []
    while len(views) < 3:
        if (line := events.readline()).startswith(b"data: "):
            views.append(decode(LiveView, line.removeprefix(b"data: ")))
    connection.close()


def test_on_asyncio_the_side_process_is_replaced_and_dies_with_the_service() -> None:
    with program("asyncio", expect=-signal.SIGKILL) as seen:
        first = seen.side_process
        os.kill(first, signal.SIGKILL)
        seen.until(lambda state: state.state == "passing")
        seen.tell("sleep 3")
        seen.until(_named("blocking call", "wait", "GET /sleep"))
        second = seen.side_process
        assert second != first
        seen.process.kill()
        until(lambda: not lives(second))
