"""End to end: a server with two processes, and what becomes of it when its parts are stopped, killed and restarted."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from threading import Thread

import pytest
import trio

from tests.chromium import needs_chromium, tab
from tests.running import Running, running, until_gone
from tests.waiting import until
from trio_lab.doctor.service import RunningServer
from trio_lab.errors import UsageError
from trio_lab.load.inside import watch_inside
from trio_lab.load.target import Target
from trio_lab.measure.process import children, lives
from trio_lab.stage.launch import TRIO_LAB
from trio_lab.stage.watching import source_at

_LIMIT = 30.0  # seconds
_CHILD = "trio_lab.cli.one_process"


def is_server(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return _CHILD.encode() in file.read()
    except OSError:
        return False


def processes(server: Running) -> list[int]:
    return [pid for pid in children(server.process.pid) if is_server(pid)]


def live(server: Running, path: str) -> tuple[int, str]:
    target = Target.parse(server.live)
    status, _, body = Running(server.process, f"http://{target.host}:{target.port}").exchange(path)
    return status, body.decode()


def figures(server: Running) -> dict[str, float]:
    """The samples of `/metrics`."""
    _, _, body = server.exchange("/metrics")
    lines = (line for line in body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def counted(server: Running) -> float:
    """All /hash requests."""
    found = figures(server)
    return sum(value for name, value in found.items() if re.match(r'http_server_requests_total.*"/hash"', name))


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(
        "--processes", "2", "--live", "--threads", "3", "--workers", "1", "--faults", "--grace", "10"
    ) as found:
        yield found


def test_sizes_are_shared_out(server: Running) -> None:
    until(lambda: 'trio_lab_threads{process="2"}' in figures(server))
    found = figures(server)
    assert found["trio_lab_processes"] == 2
    assert (found['trio_lab_threads{process="1"}'], found['trio_lab_threads{process="2"}']) == (2, 1)
    assert (found['trio_lab_workers{process="1"}'], found['trio_lab_workers{process="2"}']) == (1, 1)


def test_who_watches_one_address_is_told_that_it_has_several_processes(server: Running) -> None:
    told = server.get("/health?reset=0")["process"]
    assert told["pid"] in processes(server)
    assert told["processes"] == 2
    with pytest.raises(UsageError, match="2 processes, and each tells of itself: start it with --live"):
        trio.run(source_at, server.url)

    async def inside() -> str:
        async with watch_inside(server.url) as seen:
            return seen.blind

    assert trio.run(inside).endswith("the server has 2 processes, and each tells of itself")
    assert trio.run(RunningServer(server.url).sample) is None


def test_a_job_is_known_to_every_process(server: Running) -> None:
    connection = socket.create_connection(server.address)
    body = json.dumps({"job": "hash", "args": {"rounds": 1}}).encode()
    with connection:
        connection.sendall(
            b"POST /jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        reply = b""
        while piece := connection.recv(65_536):
            reply += piece
    assert reply.startswith(b"HTTP/1.1 202"), reply
    id = json.loads(reply.partition(b"\r\n\r\n")[2])["id"]
    until(lambda: server.get(f"/jobs/{id}")["state"] == "succeeded")
    for pid in processes(server):
        stopped = next(other for other in processes(server) if other != pid)
        os.kill(stopped, signal.SIGSTOP)  # so that the other one answers
        try:
            assert server.get(f"/jobs/{id}")["state"] == "succeeded"
        finally:
            os.kill(stopped, signal.SIGCONT)


def test_a_stopped_process_is_seen_and_the_others_serve(server: Running) -> None:
    [first, _] = sorted(processes(server))
    os.kill(first, signal.SIGSTOP)
    try:
        until(lambda: live(server, "/live")[0] == 503)
        found = [(one["pid"], one["state"]) for one in json.loads(live(server, "/view")[1])["processes"]]
        assert (first, "stopped") in found
        assert live(server, "/live")[1].startswith('{"state":"stopped"')
        number = 1 + [pid for pid, _ in found].index(first)
        assert live(server, f"/live?process={3 - number}")[0] == 200
        assert live(server, "/ready")[0] == 200
        assert [server.request("/hash?rounds=1")[0] for _ in range(20)] == [200] * 20
    finally:
        os.kill(first, signal.SIGCONT)
    until(lambda: live(server, "/live")[0] == 200)


@pytest.mark.parametrize(("query", "status"), [("1", 200), ("2", 200), ("3", 404), ("x", 400), ("-1", 400)])
def test_one_process_can_be_asked_for(server: Running, query: str, status: int) -> None:
    for path in ("/live", "/view", "/history", "/ready"):
        assert live(server, f"{path}?process={query}")[0] == status


@needs_chromium
def test_the_page_leads_to_each_process(server: Running) -> None:
    links = "[...document.querySelectorAll('#processes a')]"
    with tab() as page:
        page.open(f"{server.live}/", width=1000)
        page.until(f"{links}.map((one) => one.textContent).join() === 'process 1: passing,process 2: passing'")
        page.evaluate(f"{links}[1].click()")
        page.until(f"location.search === '?process=2' && {links}[1]?.ariaCurrent === 'page'")
        pid = json.loads(live(server, "/view?process=2")[1])["figures"]["pid"]
        page.until(f"document.getElementById('runtime').textContent.includes('process {pid} ')")
        assert page.errors == []


def test_a_killed_process_is_replaced_and_what_it_counted_is_kept(server: Running) -> None:
    before = processes(server)
    for _ in range(10):
        server.get("/hash?rounds=1")
    until(lambda: counted(server) >= 10)
    sum_before = counted(server)
    os.kill(before[0], signal.SIGKILL)
    until_gone([before[0]])
    until(lambda: figures(server)["trio_lab_process_restarts_total"] == 1)
    until(lambda: figures(server)["trio_lab_processes"] == 2)
    assert counted(server) >= sum_before
    assert before[1] in processes(server)


def test_a_rolling_restart_replaces_all_and_fails_no_request(server: Running) -> None:
    before = processes(server)
    statuses: list[int] = []
    over = False

    def ask() -> None:
        while not over:
            statuses.append(server.exchange("/hash?rounds=1")[0])

    asking = Thread(target=ask)
    asking.start()
    try:
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: not set(before) & set(processes(server)) and len(processes(server)) == 2)
    finally:
        over = True
        asking.join()
    assert set(statuses) == {200}


def test_the_pools_are_resized_together() -> None:
    with running("--processes", "2", "--threads", "2", "--workers", "1") as server:
        assert server.process.stdin is not None
        server.process.stdin.write(b"threads 5\n")
        server.process.stdin.flush()
        until(lambda: figures(server).get('trio_lab_threads{process="1"}') == 3)
        until(lambda: figures(server)['trio_lab_threads{process="2"}'] == 2)
        # And at the end, by SIGTERM instead of the end of standard input: a request in flight is answered.
        replies: list[int] = []
        asking = Thread(target=lambda: replies.append(server.exchange("/wait?ms=700")[0]))
        asking.start()
        until(lambda: any(value for name, value in figures(server).items() if name.startswith("trio_lab_threads_busy")))
        os.kill(server.process.pid, signal.SIGTERM)
        asking.join()
        assert replies == [200]
        assert server.process.wait(_LIMIT) == 0


def test_nothing_outlives_a_supervisor_that_is_killed() -> None:
    command = [*TRIO_LAB, "serve", "--port", "0", "--json", "--processes", "2", "--live"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        family = Running(process, url).family()
        assert len(family) >= 6  # the supervisor, two processes with a worker each, and the one that shows them
        process.kill()
        until_gone(family)


def ended(*flags: str) -> tuple[int, str]:
    done = subprocess.run([*TRIO_LAB, "serve", *flags], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_mistakes_are_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert ended("--processes", "2", "--port", port) == (
            2,
            f"trio-lab: cannot listen on 127.0.0.1:{port}: Address already in use\n",
        )
    code, said = ended("--processes", "2", "--port", "0", "--jobs", "nonsense")
    assert (code, said.count("\n")) == (2, 1), said
    assert "jobs must be at" in said
    code, said = ended("--processes", "2", "--runtime", "asyncio")
    assert (code, said) == (2, "trio-lab: --processes is for the trio runtime, not asyncio\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_processes_start_leaves_none(number: signal.Signals) -> None:
    command = [*TRIO_LAB, "serve", "--port", "0", "--processes", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: any(map(is_server, children(process.pid))))
        family = children(process.pid)
        process.send_signal(number)
        _, said = process.communicate(timeout=_LIMIT)
        assert (process.returncode, said) == (0, b"")
        assert not any(lives(pid) for pid in family)
