"""The lab's routes on Quart and asyncio: ``hypercorn -k asyncio trio_lab.servers.asyncio.app:app``.

The same contract as the Trio server's, written as one writes it for asyncio.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from quart import Quart, Response, request

from ...config import Config
from ...errors import BrokenWorkerError, Closed, Overloaded, RunTimeout
from ...http.answers import AnswersInJson, ms, ms_since, reply, rounds
from ...http.contract import MAX_BODY, MAX_FIB, MAX_TICKS, MAX_WAIT_MS, BadQuery, choice, integer
from ...records.codec import to_plain
from ...work import fib, hash_password, wait
from . import storms as asyncio_storms
from .asgi import LabHTTPConnection, LabLifespan
from .lab import Lab
from .upstream import put_right

T = TypeVar("T")

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BadQuery, 400),
    (Overloaded, 503),
    (Closed, 503),
    (RunTimeout, 504),
    (BrokenWorkerError, 502),
)


class AsyncioApp(AnswersInJson, Quart):
    """A Quart app that opens its lab when serving starts and closes it when serving ends."""

    asgi_http_class = LabHTTPConnection
    asgi_lifespan_class = LabLifespan
    lab: Lab

    def __init__(self, config: Config | None, listener: socket.socket | None) -> None:
        super().__init__(__name__)
        self.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.lab_config = config
        self.listener = listener
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()  # the lab, by a fault
        self.fault: BaseException | None = None
        self.before_serving(self._be_ready)
        self._unattended: set[asyncio.Task[Any]] = set()

    async def _be_ready(self) -> None:
        self.ready.set()

    async def done_by_pool(self, work: Coroutine[Any, Any, T]) -> T:
        """What a handler wants done by a pool. A client that leaves takes it back; under the naive profile nothing does,
        and it is done for nobody, as in the sources' servers."""
        if self.lab.config.guarded:
            return await work
        task = asyncio.create_task(work)
        self._unattended.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._forget)
        await asyncio.wait((task,))  # may be cancelled, and the task goes on
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._unattended.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: whoever wanted to know may have left


def create_app(config: Config | None = None, *, listener: socket.socket | None = None) -> AsyncioApp:
    """The lab as an ASGI app. Without a config it is read from the environment when serving starts."""
    put_right()
    app = AsyncioApp(config, listener)
    _add_routes(app)
    app.answer_errors(_STATUS)
    return app


def _add_routes(app: AsyncioApp) -> None:
    @app.get("/health")
    async def _health() -> Response:
        reset = integer(request.args, "reset", default=1, low=0, high=1)
        return reply(to_plain(app.lab.health(reset=bool(reset))))

    @app.get("/hash")
    async def _hash() -> Response:
        cost, begun = rounds(), perf_counter()
        await app.done_by_pool(app.lab.native_pool.run(hash_password, cost, kind="hash"))
        return reply({"route": "/hash", "mode": "async pbkdf2", "durationMs": ms_since(begun)})

    @app.get("/sync-hash")
    async def _sync_hash() -> Response:
        cost, begun = rounds(), perf_counter()
        hash_password(cost)  # on the loop, on purpose
        return reply({"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": ms_since(begun)})

    @app.get("/worker-hash")
    async def _worker_hash() -> Response:
        cost, begun = rounds(), perf_counter()
        seconds, queued = await app.done_by_pool(app.lab.worker_pool.run(hash_password, cost, kind="hash"))
        durations = {"workerDurationMs": ms(seconds), "totalDurationMs": ms_since(begun), "queueMs": ms(queued)}
        return reply(
            {"route": "/worker-hash", "mode": "worker process", **durations, "pool": to_plain(app.lab.worker_counts())}
        )

    @app.get("/tick-storm")
    async def _tick_storm() -> Response:
        count = integer(request.args, "count", default=100_000, low=1, high=MAX_TICKS)
        modes = asyncio_storms.MODES
        mode = choice(request.args, "mode", default=modes[0], of=modes)
        longest = await asyncio_storms.storm(mode, count)
        return reply({"route": "/tick-storm", "scheduledTicks": count, "mode": mode, "longestStepMs": ms(longest)})

    @app.get("/wait")
    async def _wait() -> Response:
        seconds = integer(request.args, "ms", default=20, low=0, high=MAX_WAIT_MS) / 1e3
        threads = choice(request.args, "pool", default="own", of=("own", "default"))
        begun = perf_counter()
        if threads == "own":
            await app.done_by_pool(app.lab.native_pool.run(wait, seconds, kind="wait"))
        else:  # in asyncio's default executor, with everybody else who names none, on purpose
            await asyncio.to_thread(wait, seconds)
        return reply({"route": "/wait", "mode": "blocking wait", "pool": threads, "durationMs": ms_since(begun)})

    @app.get("/fib")
    async def _fib() -> Response:
        n = integer(request.args, "n", default=25, low=0, high=MAX_FIB)
        where, begun = choice(request.args, "where", default="process", of=tuple(_FIB)), perf_counter()
        value, seconds = await _FIB[where](app, n)
        figures = {"computeMs": ms(seconds), "durationMs": ms_since(begun)}
        return reply({"route": "/fib", "n": n, "where": where, "value": value, **figures})

    @app.get("/lookup")
    async def _lookup() -> Response:
        host = choice(request.args, "host", default="localhost", of=("localhost",))  # the lab asks no name server
        begun = perf_counter()
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        return reply({"route": "/lookup", "host": host, "addresses": addresses, "durationMs": ms_since(begun)})

    @app.get("/read")
    async def _read() -> Response:
        begun = perf_counter()
        data = await asyncio.to_thread(Path(__file__).read_bytes)
        return reply({"route": "/read", "bytes": len(data), "durationMs": ms_since(begun)})


async def _fib_on_loop(_: AsyncioApp, n: int) -> tuple[int, float]:
    return fib(n)  # nobody else runs meanwhile, on purpose


async def _fib_in_thread(app: AsyncioApp, n: int) -> tuple[int, float]:
    return await app.done_by_pool(app.lab.native_pool.run(fib, n, kind="reports"))


async def _fib_in_process(app: AsyncioApp, n: int) -> tuple[int, float]:
    found, _ = await app.done_by_pool(app.lab.worker_pool.run(fib, n, kind="reports"))
    return found


_FIB = {"loop": _fib_on_loop, "thread": _fib_in_thread, "process": _fib_in_process}


app = create_app()
