"""In this process, with real sockets and a real worker: requests that wait for the end of their job without a task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from tests.pools import jobs
from tests.pools.test_workers import finish
from tests.servers.one_place import ASKED, OnePlace
from tests.servers.trio.test_holding import received
from tests.waiting import wait_until
from trio_lab.admission.on_trio import Bulkhead
from trio_lab.config import Config
from trio_lab.errors import Overloaded
from trio_lab.http.connections import LiveConnections, Settings
from trio_lab.http.lab import Asked, Told
from trio_lab.http.listening import listen
from trio_lab.http.pool_job import Done, PoolJob
from trio_lab.pools.workers import WorkerPool, open_worker_pool
from trio_lab.servers.trio.accepting import serve_app
from trio_lab.servers.trio.lab import open_lab


class OneWorker(OnePlace):
    """Each request asks for a job that runs until its file is there; also the first one is held, with ``holds_all``."""

    holds_all = True

    def __init__(self, pool: WorkerPool, path: Path) -> None:
        super().__init__(Bulkhead("unused", capacity=1))
        self.pool = pool
        self.jobs = {
            "/work": lambda _: PoolJob(fn=jobs.mark_then_wait, args=(str(path),), kind="work", in_process=True)
        }
        self.live = LiveConnections()
        self.stop = trio.Event()
        self.asked_at: float | None = None

    def is_full(self) -> bool:
        return self.holds_all or self.pool.busy >= self.pool.size or self.pool.waiting > 0

    def has_room(self, _: PoolJob) -> bool:
        return self.pool.has_room

    def refuse(self, job: PoolJob) -> Overloaded:
        return self.pool.turn_away(job.kind)

    def expire(self) -> None: ...

    def ask(self, job: PoolJob, told: Told) -> Asked:
        return self.pool.ask(told, job.fn, *job.args, kind=job.kind)

    async def do(self, job: PoolJob, *, since: float | None = None) -> Done:
        self.asked_at = since
        await self.pool.run_timed(job.fn, *job.args, kind=job.kind)
        return Done(value="done", took=0.0)


@asynccontextmanager
async def served(path: Path, **limits: Any) -> AsyncIterator[tuple[OneWorker, Any]]:
    """The app, and what connects a client that has asked."""
    options = {"size": 1, "discipline": "fifo", "on_cancel": "stop", "grace": 0.0} | limits
    settings = Settings(Config(grace=0.2))
    async with open_worker_pool(**options) as pool, trio.open_nursery() as nursery:
        if "command" not in limits:
            await pool.wait_ready()
        app = OneWorker(pool, path)
        with listen(Config(port=0)) as listener:
            serve = partial(serve_app, app, settings, listener, live=app.live, stop=app.stop)
            await nursery.start(partial(serve, holding=app.holding(settings)))

            async def connect() -> trio.SocketStream:
                stream = await trio.open_tcp_stream(*listener.getsockname())
                await stream.send_all(ASKED)
                return stream

            yield app, connect
            app.stop.set()


async def test_a_request_has_no_task_until_its_job_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "job"
    async with served(path) as (app, connect):
        before = trio.lowlevel.current_statistics().tasks_living
        async with await connect() as first, await connect() as second:
            await wait_until(lambda: path.exists() and app.pool.waiting == 1)
            assert len(app.live) == 2
            assert trio.lowlevel.current_statistics().tasks_living == before
            finish(path)
            for client in (first, second):
                await received(client, b"\r\n\r\ndone")
        assert (app.seen, app.pool.statistics().completions) == ([True, True], 2)
        assert app.asked_at is not None


async def test_one_whose_job_has_ended_is_held_though_nothing_waits_any_more(tmp_path: Path) -> None:
    before, path = tmp_path / "before", tmp_path / "job"
    async with served(path) as (app, connect), trio.open_nursery() as nursery:
        app.holds_all = False
        nursery.start_soon(app.pool.run, jobs.mark_then_wait, str(before))
        await wait_until(before.exists)
        async with await connect() as client:
            await wait_until(lambda: app.pool.waiting == 1)
            finish(before)
            await wait_until(path.exists)
            finish(path)  # and with it the pool has nothing to do
            await received(client, b"\r\n\r\ndone")
        assert app.seen == [True]
        assert app.asked_at is not None  # so its time in the queue counts


async def test_a_client_that_leaves_frees_its_position_or_its_worker(tmp_path: Path) -> None:
    path = tmp_path / "job"
    async with served(path) as (app, connect):
        runs = await connect()
        await wait_until(path.exists)
        waits = await connect()
        await wait_until(lambda: app.pool.waiting == 1)
        await waits.aclose()
        await wait_until(lambda: app.pool.waiting == 0)
        await runs.aclose()
        await wait_until(lambda: app.pool.busy == 0)
        assert (app.seen, len(app.live), app.pool.statistics().cancelled) == ([], 0, 1)


async def test_one_that_the_pool_refuses_is_told_and_its_connection_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "job"
    async with served(path, queue_timeout=0.05) as (app, connect), await connect() as first:
        await wait_until(path.exists)
        async with await connect() as second:
            for _ in range(2):
                assert (await received(second, b"}")).startswith(b"HTTP/1.1 503 ")
                await second.send_all(ASKED)
            await wait_until(lambda: app.pool.waiting == 1)
        finish(path)
        await received(first, b"\r\n\r\ndone")


async def test_a_pool_without_workers_refuses_before_there_is_a_task(tmp_path: Path) -> None:
    path = tmp_path / "job"
    async with served(path, command=("/bin/false",)) as (app, connect), await connect() as client:
        assert (await received(client, b"}")).startswith(b"HTTP/1.1 503 ")
        await client.send_all(ASKED)
        await received(client, b"}")
        assert app.seen == []


async def test_at_the_end_it_has_the_grace_period_and_is_told_when_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "job"
    async with served(path) as (app, connect):
        client = await connect()
        await wait_until(path.exists)
        app.stop.set()
        reply = await received(client, b"}")
        assert reply.endswith(b'{"error":"The server is ending"}')
        await client.aclose()
    assert app.pool.statistics().in_service == 0


async def test_the_lab_asks_the_pool_of_each_job() -> None:
    told = list[Exception | None]()
    async with open_lab(Config(threads=1, workers=1)) as lab:
        asked = lab.ask(PoolJob(fn=jobs.pid, args=(), kind="x"), told.append)
        assert (asked.waits, lab.native_pool.busy, lab.worker_pool.busy) == (False, 1, 0)
        asked.reserve().give_back()
        asked = lab.ask(PoolJob(fn=jobs.pid, args=(), kind="x", in_process=True), told.append)
        assert (asked.waits, lab.native_pool.busy, lab.worker_pool.busy) == (True, 0, 1)
        await wait_until(lambda: told == [None])
