from __future__ import annotations

import errno
import json
import os
import random
import resource
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from ledger import assert_consistent
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
from trio_lab.load import generator
from trio_lab.load.clients import Clients
from trio_lab.load.connection import OUT_OF_PORTS
from trio_lab.load.generator import run_load
from trio_lab.load.plan import LoadPlan
from trio_lab.load.results import LoadRun, Progress
from trio_lab.load.target import Target, choose, resolve
from trio_lab.measure.percentile import percentile
from trio_lab.records.codec import encode

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
BIG = reply(b"b" * 1_000_000)
OK, ANSWERED, SHED, FAILED, LEFT = {"ok"}, {"ok", "shed"}, {"shed"}, {"errors"}, {"timed_out"}


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


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


@asynccontextmanager
async def dying() -> AsyncIterator[str]:
    """A server that closes, and its listener too, when a request comes: it could be reached, and is not any more."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    async with trio.open_nursery() as nursery:

        async def accept(listening: trio.SocketListener) -> None:
            async with listening, await listening.accept() as stream:
                await read_request(stream)

        listener.setblocking(False)
        nursery.start_soon(accept, trio.SocketListener(trio.socket.from_stdlib_socket(listener)))
        yield url
        nursery.cancel_scope.cancel()


async def test_a_dead_server_is_not_a_busy_loop() -> None:
    async with dying() as url:
        run = await run_load(LoadPlan(url=url, connections=1, duration=0.3, method="POST"))
    assert_consistent(run)
    assert run.reached
    refused = run.result.error_kinds["connection refused"]
    assert run.result.requests.sent - 1 == refused
    assert 2 <= refused <= 6  # at 10, 30, 70, 150 and 310 ms, or later


async def test_a_dead_server_fails_every_request_of_an_open_workload() -> None:
    async with dying() as url:
        run = await run_load(LoadPlan(url=url, connections=1, duration=0.2, rate=100.0))
    assert_consistent(run)
    assert run.result.requests.errors + run.result.requests.dropped == 20
    assert run.result.requests.errors


PAUSE = {"stages": [(1.0, 0.0), (1.0, 100.0)], "duration": None}


@pytest.mark.parametrize("options", [{}, {"rate": 100.0}, {"think": 1.0}, {"requests": 50}, PAUSE], ids=str)
async def test_a_server_that_refuses_every_connection_ends_the_run_at_once(
    nobody: str, options: dict[str, Any]
) -> None:
    with trio.fail_after(30):
        run = await run_load(LoadPlan(url=nobody, connections=2, **({"duration": 3600.0} | options)))
    assert_consistent(run)
    assert not run.reached
    assert run.result.error_kinds == {"connection refused": run.result.requests.sent}
    assert 1 <= run.result.requests.sent <= 2
    assert [one for one in run.result.warnings if "sent late" not in one] == []  # on a busy machine it may be


@pytest.mark.parametrize("interval", [0.05, 3600.0])
async def test_a_server_to_which_no_connection_is_made_ends_the_run_early(
    monkeypatch: pytest.MonkeyPatch, interval: float
) -> None:
    """Its backlog is full, so the kernel does not answer."""
    monkeypatch.setattr(generator, "_CONNECT_FIRST", 0.05)
    monkeypatch.setattr(generator, "_REACH_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as first:
        first.connect(listener.getsockname())
        plan = LoadPlan(url=f"http://127.0.0.1:{listener.getsockname()[1]}/", duration=3600.0, interval=interval)
        with trio.fail_after(30):
            run = await run_load(plan)
    assert_consistent(run)
    assert not run.reached
    assert (run.result.requests.sent, run.result.generator.abandoned) == (0, 10)


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
    # When it was released, the oldest of the ten had waited for nine.
    assert waited >= sum(i * period for i in range(10))
    assert run.latency.count == 40


async def test_a_request_that_nobody_could_send_in_time_is_dropped_and_counts_as_at_least_so_late() -> None:
    """A silent server and one connection: most requests are never sent, because each waits for the one before, and their times
    are over one after the other within less than it takes to connect again."""
    async with serving(silent) as url:
        run = await run_load(LoadPlan(url=url, connections=1, duration=0.002, rate=100_000.0, timeout=0.1))
    assert_consistent(run)
    counts = run.result.requests
    assert counts.sent + counts.dropped == run.result.unanswered == 200
    assert counts.timed_out == counts.sent
    assert counts.dropped > 0
    assert run.result.latency.p50 >= 0.1 * 0.995
    assert any("200 of 200 requests had no reply" in warning for warning in run.result.warnings)


class Stall:
    """A server that answers ``sound`` requests, then none until told to go on."""

    def __init__(self, sound: int) -> None:
        self.sound = sound
        self.over = trio.Event()

    async def script(self, stream: trio.SocketStream) -> None:
        while await read_request(stream):
            self.sound -= 1
            if self.sound < 0:
                await self.over.wait()
            await stream.send_all(reply())


@pytest.mark.parametrize("sound", [0, 30, 70, 98], ids=["from the start", "early", "late", "at the very end"])
@pytest.mark.parametrize("missed", [20, 1000], ids=["short", "past the end"])
async def test_every_request_that_was_due_is_in_the_percentiles_whenever_the_server_stalls(
    sound: int, missed: int
) -> None:
    await percentiles_hold(sound, missed, {"rate": 500.0, "duration": 0.2}, [n / 500 for n in range(100)])


@pytest.mark.parametrize("sound", [20, 40, 45], ids=["in the first", "between them", "in the second"])
async def test_every_request_that_was_due_is_in_the_percentiles_whichever_stage_it_belongs_to(sound: int) -> None:
    due = [*(n / 400 for n in range(40)), *(0.1 + n / 600 for n in range(60))]
    await percentiles_hold(sound, 20, {"stages": [(0.1, 400.0), (0.1, 600.0)]}, due)


async def percentiles_hold(sound: int, missed: int, pace: Mapping[str, Any], due: list[float]) -> None:
    """The latencies are those of 100 requests, each counted from its own intended start and until the stall was over."""
    stall, duration = Stall(sound), 0.2

    def watch(progress: Progress) -> None:
        if progress.backlog >= missed or progress.elapsed >= duration + 0.05:
            stall.over.set()

    async with serving(stall.script) as url:
        plan = LoadPlan(url=url, connections=2, **pace, interval=0.01, keep_samples=True)
        result = (run := await run_load(plan, on_progress=watch)).result
    assert_consistent(run)
    assert result.requests.ok == 100
    started, latencies = zip(*result.by_start(), strict=True)
    assert started == pytest.approx(due, abs=1e-6)
    for share, told in ((0.5, result.latency.p50), (0.9, result.latency.p90), (0.99, result.latency.p99)):
        assert told == pytest.approx(percentile(latencies, share), rel=0.005)


class Stalls:
    """A server that stops answering at the requests of these numbers, each time until told to go on."""

    def __init__(self, begin: list[int]) -> None:
        self._begin, self._asked = begin, 0
        self._waiting = trio.Condition()
        self.over: list[float] = []  # seconds of the run at which each was told to be over

    async def script(self, stream: trio.SocketStream) -> None:
        while await read_request(stream):
            self._asked += 1
            async with self._waiting:
                while sum(number < self._asked for number in self._begin) > len(self.over):
                    await self._waiting.wait()
            await stream.send_all(reply())

    async def go_on(self) -> None:
        async with self._waiting:
            self._waiting.notify_all()

    @property
    def stalled(self) -> bool:
        return sum(number < self._asked for number in self._begin) > len(self.over)

    def known(self, due: list[float]) -> list[float]:
        """What the requests have to wait at least: from when they were due until the last stall that held them was over."""
        return [
            max((over - at for first, over in zip(self._begin, self.over, strict=True) if number >= first), default=0.0)
            for number, at in enumerate(due)
        ]


@pytest.mark.parametrize("seed", range(6))
async def test_percentiles_are_those_of_the_known_waits_whatever_moments_stalls_come(seed: int) -> None:
    dice, due = random.Random(seed), [n / 500 for n in range(100)]
    stalls, missed = Stalls(sorted(dice.sample(range(100), 1 + seed % 3))), dice.randrange(5, 40)

    async with serving(stalls.script) as url, trio.open_nursery() as nursery:

        def watch(progress: Progress) -> None:
            if stalls.stalled and (progress.backlog >= missed or progress.elapsed >= 0.25):
                stalls.over.append(progress.elapsed)
                nursery.start_soon(stalls.go_on)

        plan = LoadPlan(url=url, connections=1, rate=500.0, duration=0.2, interval=0.01, keep_samples=True)
        result = (run := await run_load(plan, on_progress=watch)).result
    assert_consistent(run)
    assert len(stalls.over) == 1 + seed % 3
    known = stalls.known(due)
    started, latencies = zip(*result.by_start(), strict=True)
    assert started == pytest.approx(due, abs=1e-6)
    assert all(latency >= least - 1e-6 for latency, least in zip(latencies, known, strict=True))
    for share, told in ((0.5, result.latency.p50), (0.9, result.latency.p90), (0.99, result.latency.p99)):
        assert told >= percentile(known, share) * 0.995
        assert told == pytest.approx(percentile(latencies, share), rel=0.005)


async def test_a_server_that_never_catches_up_is_told_with_all_that_its_clients_waited() -> None:
    """It replies to nobody until the duration is over. Without the requests still due then p50 would be the first few's."""
    stall = Stall(0)

    def watch(progress: Progress) -> None:
        if progress.elapsed >= progress.duration:
            stall.over.set()

    async with serving(stall.script) as url:
        plan = LoadPlan(url=url, connections=1, duration=0.4, rate=250.0, interval=0.1)
        result = (run := await run_load(plan, on_progress=watch)).result
    assert_consistent(run)
    assert (result.requests.ok, result.behind, run.inside.ok) == (100, 99, 0)
    assert result.latency.p90 >= 0.9 * 0.4 * 0.995
    assert result.latency.p50 >= 0.5 * 0.4 * 0.995
    [warning] = [warning for warning in result.warnings if "duration ended" in warning]
    assert warning.startswith("99 of 100 requests were due and not sent")


async def test_what_was_due_when_a_run_was_stopped_counts_with_the_time_that_it_had_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trio_lab.load.generator._AFTER_STOP", 0.05)
    stop = trio.Event()

    def soon(progress: Progress) -> None:
        if progress.backlog >= 20:
            stop.set()

    async with serving(silent) as url:
        plan = LoadPlan(url=url, connections=1, duration=60.0, rate=500.0, interval=0.02)
        result = (run := await run_load(plan, on_progress=soon, stop=stop)).result
    assert_consistent(run)
    assert (result.requests.sent, result.generator.abandoned) == (0, 1)
    assert result.requests.dropped == result.behind >= 20
    assert result.latency.max >= 0.05 + 20 / 500.0  # of the first, which was waited for, and 20 others were due by then
    assert result.duration < 60.0


async def test_a_slow_server_does_not_make_the_generator_late() -> None:
    """With one connection, and no reply until the duration is over, only the first request found it free."""
    stall = Stall(0)

    def watch(progress: Progress) -> None:
        if progress.elapsed >= progress.duration:
            stall.over.set()

    async with serving(stall.script) as url:
        plan = LoadPlan(url=url, connections=1, duration=0.4, rate=100.0, interval=0.1)
        result = (await run_load(plan, on_progress=watch)).result
    assert result.latency.p50 >= 0.2 * 0.995
    assert result.generator.late_p99 is not None
    assert result.generator.late_p99 < 0.5 * result.latency.p50


async def test_refusals_are_throughput_and_no_goodput() -> None:
    async with serving(replying(reply(), reply(status=503))) as url:
        result = (await run_load(LoadPlan(url=url, connections=2, duration=0.2))).result
    assert 0.3 * result.throughput < result.goodput < 0.7 * result.throughput


class Names(trio.abc.HostnameResolver):
    """A name service in which every name has the given addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):  # type: ignore[no-untyped-def]
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in self.addresses]
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port))
            for family, address in zip(families, self.addresses, strict=True)
        ]

    async def getnameinfo(self, sockaddr, flags):  # type: ignore[no-untyped-def]
        raise NotImplementedError


@pytest.mark.parametrize(
    ("listens", "addresses"),
    [
        ("127.0.0.1", ("127.0.0.2", "127.0.0.1")),
        ("127.0.0.1", ("::1", "127.0.0.1")),
        ("::1", ("::1", "127.0.0.1")),
        ("::1", ("127.0.0.1", "127.0.0.2", "::1")),
    ],
)
async def test_a_name_is_served_by_whichever_of_its_addresses_listens(listens: str, addresses: tuple[str, ...]) -> None:
    async with serving(replying(reply()), host=listens) as url:
        trio.socket.set_custom_hostname_resolver(Names(*addresses))
        plan = LoadPlan(url=f"http://both.example:{url.rpartition(':')[2]}", connections=2, duration=0.05)
        run = await run_load(plan)
    assert_consistent(run)
    assert ends(run) == OK


async def test_a_name_that_listens_nowhere_is_refused_as_one_address_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    trio.socket.set_custom_hostname_resolver(Names("127.0.0.1", "127.0.0.2"))
    url = f"http://both.example:{port}/"
    assert await choose(await resolve(Target.parse(url), own_this=False)) == (socket.AF_INET, ("127.0.0.1", port))
    run = await run_load(LoadPlan(url=url, connections=1, duration=0.05))
    assert run.result.error_kinds == {"connection refused": 1}


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
async def test_cancelling_closes_every_socket(
    monkeypatch: pytest.MonkeyPatch, script: Script, rate: float | None
) -> None:
    made: list[Clients] = []  # kept, for what is thrown away is closed in any case

    connect = Clients.connect

    def connect_kept(self: Clients) -> None:
        made.append(self)
        connect(self)

    monkeypatch.setattr(Clients, "connect", connect_kept)
    before = open_descriptors()
    scope = trio.CancelScope()

    async with serving(script) as url:
        plan = LoadPlan(url=url, connections=20, duration=60.0, rate=rate, interval=0.05)
        with scope:
            await run_load(plan, on_progress=lambda progress: scope.cancel())
    assert scope.cancelled_caught
    assert [connection.fd for connection in made[0]._connections] == [-1] * 20
    assert open_descriptors() == before


async def test_json_begins_with_the_agreed_keys() -> None:
    async with serving(replying(reply(), reply(status=503))) as url:
        plan = LoadPlan(url=url, connections=2, duration=0.2, rate=100.0, interval=0.1, keep_samples=True)
        run = await run_load(plan)
    report = json.loads(encode(run.result))
    agreed = "url mode connections duration_s requests throughput_rps goodput_rps latency_ms status"
    extra = "offered_rps service_ms shed_ms error_kinds series generator unanswered behind samples by_status_ms"
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
