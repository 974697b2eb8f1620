"""A run that is seen live: which of its servers is shown, and what the relay answers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import trio
import trio.testing

from tests.running import until_gone
from trio_lab.load.client import fetch
from trio_lab.measure.process import children, command_line
from trio_lab.stage.live_run import NOTE, LiveRun, open_live_run
from trio_lab.stage.server import Server
from trio_lab.stage.stage import Stage
from trio_lab.stage.until import wait_until


def server(port: int, live: str | None = "live") -> Server:
    child: Any = None  # it is not talked with
    return Server(child=child, url=f"http://127.0.0.1:{port}", live=live and f"{live} of {port}")


def test_the_server_that_was_started_or_loaded_last_is_shown() -> None:
    run = LiveRun("")
    with run.shown(server(1)):
        assert run.state.server == "live of 1"
        with run.shown(server(2)):
            assert run.state.server == "live of 2"
            run.loads("http://127.0.0.1:1/hash")
            assert run.state.server == "live of 1"
            run.loads("http://127.0.0.1:9/of-another-program")
            assert run.state.server == "live of 1"
        assert run.state.server == "live of 1"
    assert run.state.server is None


def test_a_server_that_is_loaded_and_has_no_side_process_hides_the_others() -> None:
    run = LiveRun("")
    with run.shown(server(1)), run.shown(server(2, live=None)):
        assert run.state.server is None
        run.loads("http://127.0.0.1:1/hash")
        assert run.state.server == "live of 1"
    assert run.flags("node") == ()


def test_an_experiment_begins_without_the_words_of_the_one_before() -> None:
    run = LiveRun("")
    run.begin("one")
    run.phase("round 1", "/hash")
    assert (run.state.experiment, run.state.where, run.state.load) == ("one", "round 1", "/hash")
    run.begin("another")
    assert (run.state.experiment, run.state.where, run.state.load) == ("another", "", "")


@asynccontextmanager
async def events(url: str) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """The kinds of the events, and their data."""
    host, _, port = url.removeprefix("http://").partition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

        async def read() -> AsyncGenerator[tuple[str, Any], None]:
            heard, kind = b"", "view"
            async for data in stream:
                *lines, heard = (heard + data).split(b"\n")
                for line in lines:
                    name, _, value = line.decode().partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        yield kind, json.loads(value)
                        kind = "view"

        async with aclosing(read()) as found:
            yield found


async def test_one_address_shows_the_server_of_now_and_what_the_run_does() -> None:
    async with open_live_run(0) as run, events(run.url) as told:
        kind, said = await anext(told)
        assert (kind, said["server"]) == ("run", None)
        assert (await fetch(f"{run.url}/live", timeout=20)).status == 503
        stage = Stage(quick=True)
        stage.live = run
        run.begin("[1/1] an experiment")
        async with stage.server("--workers", "1") as server:

            async def passes() -> bool:
                return (await fetch(f"{run.url}/live", timeout=20)).status == 200

            await wait_until(passes, limit=20)
            async for kind, said in told:
                if kind == "view" and said["figures"] is not None:
                    break
            assert said["figures"]["pid"] == server.pid
            assert json.loads((await fetch(f"{run.url}/run", timeout=20)).body) == {
                "experiment": "[1/1] an experiment",
                "where": "",
                "load": "",
                "server": server.live,
            }
            assert b"<title>trio-lab live</title>" in (await fetch(run.url, timeout=20)).body
            assert b"run_queue" in (await fetch(f"{run.url}/history", timeout=20)).body
            assert (await fetch(f"{run.url}/nothing", timeout=20)).status == 404
            assert (len(server.workers()), len(children(server.pid))) == (1, 2)
        async for kind, said in told:  # the page goes on without it
            if kind == "run" and said["server"] is None:
                break
        assert stage.notes == [NOTE]


async def test_a_run_goes_on_when_its_relay_is_killed() -> None:
    async with open_live_run(0) as run:
        assert (await fetch(f"{run.url}/run", timeout=20)).status == 200
        [relay] = [pid for pid in children(os.getpid()) if "trio_lab.live.relay" in command_line(pid)]
        os.kill(relay, signal.SIGKILL)
        until_gone([relay])
        for number in range(3):
            run.begin(f"experiment {number}")
            await trio.testing.wait_all_tasks_blocked()
        assert run.state.experiment == "experiment 2"
