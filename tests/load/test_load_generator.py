from __future__ import annotations

import errno
import json
import os
import resource
import socket

import pytest
import trio
from scripted_server import (
    Script,
    closing_without_a_word,
    dribbling,
    read_request,
    reply,
    replying,
    sending_once,
    serving,
    silent,
    slamming,
)

from trio_lab.errors import UsageError
from trio_lab.load.connection import OUT_OF_PORTS
from trio_lab.load.generator import run_load
from trio_lab.load.plan import LoadPlan
from trio_lab.load.results import LoadRun, Progress
from trio_lab.records.codec import decode, encode
from trio_lab.records.load import LoadResult

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
BIG = reply(b"b" * 1_000_000)
OK, ANSWERED, SHED, FAILED, LEFT = {"ok"}, {"ok", "shed"}, {"shed"}, {"errors"}, {"timed_out"}


def assert_consistent(run: LoadRun) -> None:
    """What holds for every run, whatever the server did."""
    result, counts = run.result, run.result.requests
    assert counts.sent == counts.ok + counts.shed + counts.errors + counts.timed_out
    statuses = sum(result.status.values())
    assert counts.completed == statuses
    assert counts.errors == sum(result.error_kinds.values())
    assert run.latency.count == run.service.count == counts.ok
    assert run.shed.count == counts.shed
    for name in ("ok", "shed", "errors", "timed_out"):
        assert sum(getattr(row, name) for row in result.series) == getattr(counts, name)
    assert run.inside.ok <= run.inside.completed <= counts.completed
    assert run.service.total <= run.latency.total + 1e-9
    assert decode(LoadResult, encode(result)).requests == counts


def ends(run: LoadRun) -> set[str]:
    return {name for name in ("ok", "shed", "errors", "timed_out") if getattr(run.result.requests, name)}


@pytest.mark.parametrize("rate", [None, 100.0], ids=["closed", "open"])
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(replying(reply()), OK, id="plain"),
        pytest.param(replying(reply(), reply(), reply(status=503)), ANSWERED, id="sheds every third"),
        pytest.param(replying(reply(status=429)), SHED, id="sheds all"),
        pytest.param(replying(reply(status=302)), OK, id="redirects"),
        pytest.param(replying(reply(status=404)), FAILED, id="not found"),
        pytest.param(replying(CHUNKED), OK, id="chunked"),
        pytest.param(replying(BIG), OK, id="big"),
        pytest.param(dribbling, OK, id="dribbles"),
        pytest.param(sending_once(reply(extra=b"Connection: close\r\n")), OK, id="announces its close"),
        pytest.param(sending_once(reply(version=b"1.0")), OK, id="HTTP/1.0"),
        pytest.param(sending_once(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"), OK, id="until the end"),
        pytest.param(closing_without_a_word, OK, id="closes kept connections"),
        pytest.param(sending_once(b"220 smtp ready\r\n"), FAILED, id="not HTTP"),
        pytest.param(sending_once(reply()[:-1]), FAILED, id="half a reply"),
        pytest.param(silent, LEFT, id="silent"),
    ],
)
async def test_every_request_has_one_end(script: Script, expected: set[str], rate: float | None) -> None:
    async with serving(script) as url:
        plan = LoadPlan(url=url, connections=3, duration=0.15, rate=rate, timeout=0.1 if script is silent else 5.0)
        run = await run_load(plan)
    assert_consistent(run)
    assert ends(run) == expected
    assert run.result.mode == ("closed" if rate is None else "open")


@pytest.mark.parametrize("rate", [None, 100.0], ids=["closed", "open"])
async def test_connection_that_never_replied_is_an_error_and_not_retried(rate: float | None) -> None:
    async with serving(slamming) as url:
        run = await run_load(LoadPlan(url=url, connections=1, duration=0.15, rate=rate))
    assert_consistent(run)
    # The first request may find that its connection, idle since before the start, was closed: that one is tried again.
    assert ends(run) == FAILED


async def test_a_dead_server_is_not_a_busy_loop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    run = await run_load(LoadPlan(url=url, connections=2, duration=0.3))
    assert_consistent(run)
    assert run.result.error_kinds == {"connection refused": run.result.requests.sent}
    assert 2 <= run.result.requests.sent <= 12  # each at 0, 10, 30, 70, 150 and 310 ms, or later


async def test_a_dead_server_fails_every_request_of_an_open_workload() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    run = await run_load(LoadPlan(url=url, connections=2, duration=0.2, rate=100.0))
    assert_consistent(run)
    assert run.result.requests.errors + run.result.requests.dropped == 20
    assert run.result.requests.errors


async def test_open_workload_counts_latency_from_the_intended_start() -> None:
    """One connection, and a server that holds its first reply until ten more requests are due."""
    release = trio.Event()
    period = 0.01

    async def stalling(stream: trio.SocketStream) -> None:
        while await read_request(stream):
            await release.wait()
            await stream.send_all(reply())

    def watch(progress: Progress) -> None:
        if progress.backlog >= 10:
            release.set()

    async with serving(stalling) as url:
        plan = LoadPlan(url=url, connections=1, duration=0.4, rate=1 / period, interval=0.02)
        run = await run_load(plan, on_progress=watch)
    assert_consistent(run)
    assert release.is_set()
    waited = run.latency.total - run.service.total
    assert waited >= sum(
        i * period for i in range(10)
    )  # when it was released, the oldest of the ten had waited for nine
    assert run.latency.count + run.result.requests.dropped == 40


async def test_dropped_is_neither_shed_nor_timed_out() -> None:
    """One silent connection for longer than the run: the other requests were never sent, and no server is to blame."""
    async with serving(silent) as url:
        run = await run_load(LoadPlan(url=url, connections=1, duration=0.2, rate=100.0, timeout=0.3))
    assert_consistent(run)
    counts = run.result.requests
    assert (counts.sent, counts.timed_out, counts.shed, counts.dropped) == (1, 1, 0, 19)


async def test_impatient_client_leaves_and_comes_back() -> None:
    left, seen = trio.open_memory_channel[None](1000)

    async def watching(stream: trio.SocketStream) -> None:
        if await read_request(stream):
            assert await stream.receive_some() == b""
            left.send_nowait(None)

    async with serving(watching) as url:
        run = await run_load(LoadPlan(url=url, connections=2, duration=0.6, leave_after=0.05))
        with trio.fail_after(30):
            for _ in range(run.result.requests.timed_out):
                await seen.receive()
    assert_consistent(run)
    assert ends(run) == LEFT
    assert run.result.requests.timed_out >= 3  # so one at least came back
    assert run.result.generator.reconnects >= run.result.requests.timed_out - 2


async def test_reply_in_flight_at_the_end_is_counted_but_not_in_the_rate() -> None:
    hold = trio.Event()

    async def holding(stream: trio.SocketStream) -> None:
        if await read_request(stream):
            await hold.wait()
            await stream.send_all(reply())

    def after_the_end(progress: Progress) -> None:
        if progress.elapsed >= progress.duration:
            hold.set()

    async with serving(holding) as url:
        run = await run_load(LoadPlan(url=url, connections=2, duration=0.1), on_progress=after_the_end)
    assert_consistent(run)
    assert (run.result.requests.ok, run.inside.ok, run.result.throughput) == (2, 0, 0.0)


async def test_stop_gives_what_there_is() -> None:
    stop = trio.Event()

    def soon(progress: Progress) -> None:
        stop.set()

    async with serving(replying(reply())) as url:
        plan = LoadPlan(url=url, connections=2, duration=3600.0, interval=0.05)
        run = await run_load(plan, on_progress=soon, stop=stop)
    assert_consistent(run)
    assert ends(run) == OK
    assert 0.05 <= run.result.duration < 3600.0


async def test_requests_abandoned_by_a_stop_are_not_sent() -> None:
    stop = trio.Event()
    stop.set()
    async with serving(silent) as url:
        run = await run_load(LoadPlan(url=url, connections=3, duration=60.0), stop=stop)
    assert_consistent(run)
    assert (run.result.requests.sent, run.result.generator.abandoned) == (0, 3)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("rate", [None, 50.0])
@pytest.mark.parametrize("script", [replying(reply()), silent], ids=["busy", "waiting"])
async def test_cancelling_closes_every_socket(script: Script, rate: float | None) -> None:
    before = open_descriptors()
    scope = trio.CancelScope()

    async with serving(script) as url:
        plan = LoadPlan(url=url, connections=20, duration=60.0, rate=rate, interval=0.05)
        with scope:
            await run_load(plan, on_progress=lambda progress: scope.cancel())
    assert scope.cancelled_caught
    assert open_descriptors() == before


async def test_json_begins_with_the_agreed_keys() -> None:
    async with serving(replying(reply(), reply(status=503))) as url:
        plan = LoadPlan(url=url, connections=2, duration=0.2, rate=100.0, interval=0.1, keep_samples=True)
        run = await run_load(plan)
    report = json.loads(encode(run.result))
    agreed = "url mode connections duration_s requests throughput_rps goodput_rps latency_ms status"
    extra = "offered_rps service_ms shed_ms error_kinds series generator samples"
    assert list(report) == [*agreed.split(), *extra.split()]
    assert list(report["requests"]) == ["sent", "completed", "ok", "shed", "timed_out", "errors", "dropped"]
    assert list(report["latency_ms"]) == ["mean", "p50", "p90", "p99", "p99_9", "max"]
    assert set(report["status"]) == {"200", "503"}
    assert list(report["series"][0]) == ["t", "ok", "shed", "timed_out", "errors", "p50_ms", "max_ms"]
    assert [row["t"] for row in report["series"]][:2] == [0.0, 0.1]
    assert {"cpu_share", "late_p99_ms", "bottleneck"} <= report["generator"].keys()
    assert len(report["samples"]) == run.result.requests.completed


@pytest.mark.parametrize("rate", [None, 200.0], ids=["closed", "open"])
async def test_a_kept_connection_that_cannot_be_opened_again_is_one_error(
    monkeypatch: pytest.MonkeyPatch, rate: float | None
) -> None:
    """As when the local ports are used up: the first connect succeeds, every later one fails at once."""
    connect, connects = socket.socket.connect_ex, iter([0])

    def only_once(self: socket.socket, address: tuple[str, int]) -> int:
        return connect(self, address) if next(connects, None) == 0 else errno.EADDRNOTAVAIL

    async with serving(closing_without_a_word) as url:
        monkeypatch.setattr(socket.socket, "connect_ex", only_once)
        run = await run_load(LoadPlan(url=url, connections=1, duration=0.3, rate=rate))
    assert_consistent(run)
    assert run.result.requests.ok >= 1
    assert run.result.requests.errors == run.result.error_kinds[OUT_OF_PORTS] > 0


async def test_progress_is_told_every_interval() -> None:
    told: list[Progress] = []
    async with serving(replying(reply())) as url:
        run = await run_load(LoadPlan(url=url, duration=0.2, interval=0.05), on_progress=told.append)
    assert len(told) >= 2
    assert [progress.counts.sent for progress in told] == sorted(progress.counts.sent for progress in told)
    assert all(progress.last in run.result.series for progress in told)


async def test_foreign_target_is_refused_before_any_socket() -> None:
    with pytest.raises(UsageError, match="stress only what you own"):
        await run_load(LoadPlan(url="http://192.0.2.1/"))


async def test_too_few_descriptors_are_told_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    with pytest.raises(UsageError, match="ulimit -n"):
        await run_load(LoadPlan(url="http://127.0.0.1:1/", connections=50))
