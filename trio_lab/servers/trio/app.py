"""The routes: parse, one call on the lab, JSON. What an error means to a client is one table."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import trio
from quart import Response, request
from quart_trio import QuartTrio

from ...config import Config
from ...errors import BrokenWorkerError, Overloaded, RunTimeout
from ...http.answers import AnswersInJson, ms, ms_since, reply, rounds
from ...http.contract import MAX_BODY, MAX_FIB, MAX_TICKS, MAX_WAIT_MS, BadQuery, choice, integer
from ...measure.ledger import RUN, Ledgers, booked
from ...records.codec import to_plain
from ...work import fib, hash_password, wait
from . import storms
from .asgi import LabHTTPConnection, LabLifespan
from .bodies import LabRequest
from .lab import Lab
from .labels import Labels
from .replies import health, ledger, stalls, worker_counts
from .upstream import put_right

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BadQuery, 400),
    (Overloaded, 503),
    (trio.ClosedResourceError, 503),  # the pools are closing
    (RunTimeout, 504),
    (BrokenWorkerError, 502),
)


class LabApp(AnswersInJson, QuartTrio):
    """A Quart-trio app that opens its lab when serving starts and closes it when serving ends."""

    asgi_http_class = LabHTTPConnection
    asgi_lifespan_class = LabLifespan
    request_class = LabRequest
    lab: Lab

    def __init__(self, config: Config | None, listener: socket.socket | None) -> None:
        super().__init__("trio_lab.servers.trio")
        self.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.lab_config = config
        self.listener = listener
        self.shields: set[trio.CancelScope] = set()  # what a leaving client must not end: whoever ends the server does
        self.lost = trio.Event()  # the lab ended by a fault
        self._labels: Labels | None = None
        self.ledgers = Ledgers()  # where the time of requests went
        self.fault: BaseException | None = None

    @property
    def labels(self) -> Labels:
        """What requests are called. Asked for first by a request: all routes are there by then."""
        if self._labels is None:
            self._labels = Labels(self.url_map)
        return self._labels

    @contextmanager
    def work(self) -> Iterator[None]:
        """What a handler wants done by a pool. A client that leaves takes it back; under the naive profile nothing does,
        and it is done for nobody, as in the sources' servers."""
        if self.lab.config.guarded:
            yield
            return
        with trio.CancelScope(shield=True) as shield:
            self.shields.add(shield)
            try:
                yield
            finally:
                self.shields.discard(shield)


def create_app(config: Config | None = None, *, listener: socket.socket | None = None) -> LabApp:
    """The lab as an ASGI app. Without a config it is read from the environment when serving starts."""
    put_right()
    app = LabApp(config, listener)
    from .blockers import add_blocker_routes  # these need this module
    from .ingest import add_ingest_route

    _add_routes(app)
    add_blocker_routes(app)
    add_ingest_route(app)
    app.answer_errors(_STATUS)
    return app


def _add_routes(app: LabApp) -> None:
    @app.get("/health")
    async def _health() -> Response:
        reset = integer(request.args, "reset", default=1, low=0, high=1)
        return reply(to_plain(health(app.lab, reset=bool(reset))))

    @app.get("/ledger")
    async def _ledger() -> Response:
        reset = integer(request.args, "reset", default=1, low=0, high=1)
        return reply(ledger(app.ledgers, reset=bool(reset)))

    @app.get("/stalls")
    async def _stalls() -> Response:
        return reply(stalls(app.lab))

    @app.get("/hash")
    async def _hash() -> Response:
        cost, begun = rounds(), perf_counter()
        with app.work():
            await app.lab.native_pool.run(hash_password, cost, kind="hash", abandon_on_cancel=True)
        return reply({"route": "/hash", "mode": "async pbkdf2", "durationMs": ms_since(begun)})

    @app.get("/sync-hash")
    async def _sync_hash() -> Response:
        cost, begun = rounds(), perf_counter()
        hash_password(cost)  # on the loop, on purpose
        return reply({"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": ms_since(begun)})

    @app.get("/worker-hash")
    async def _worker_hash() -> Response:
        cost, begun = rounds(), perf_counter()
        with app.work():
            seconds, queued = await app.lab.worker_pool.run_timed(hash_password, cost, kind="hash")
        return reply(
            {
                "route": "/worker-hash",
                "mode": "worker process",
                "workerDurationMs": ms(seconds),
                "totalDurationMs": ms_since(begun),
                "queueMs": ms(queued),
                "pool": to_plain(worker_counts(app.lab)),
            }
        )

    @app.get("/tick-storm")
    async def _tick_storm() -> Response:
        count = integer(request.args, "count", default=100_000, low=1, high=MAX_TICKS)
        mode = choice(request.args, "mode", default="none", of=storms.MODES)
        longest = await storms.storm(mode, count)
        return reply({"route": "/tick-storm", "scheduledTicks": count, "mode": mode, "longestStepMs": ms(longest)})

    @app.get("/wait")
    async def _wait() -> Response:
        seconds = integer(request.args, "ms", default=20, low=0, high=MAX_WAIT_MS) / 1e3
        threads = choice(request.args, "pool", default="own", of=("own", "default"))
        begun = perf_counter()
        if threads == "own":
            with app.work():
                await app.lab.native_pool.run(wait, seconds, kind="wait", abandon_on_cancel=True)
        else:  # under Trio's default limiter, with everybody else who names none, on purpose
            with booked(RUN):
                await trio.to_thread.run_sync(wait, seconds, abandon_on_cancel=True)
        return reply({"route": "/wait", "mode": "blocking wait", "pool": threads, "durationMs": ms_since(begun)})

    @app.get("/fib")
    async def _fib() -> Response:
        n = integer(request.args, "n", default=25, low=0, high=MAX_FIB)
        where, begun = choice(request.args, "where", default="process", of=tuple(_FIB)), perf_counter()
        with app.work():
            value, seconds = await _FIB[where](app.lab, n)
        figures = {"computeMs": ms(seconds), "durationMs": ms_since(begun)}
        return reply({"route": "/fib", "n": n, "where": where, "value": value, **figures})

    @app.get("/lookup")
    async def _lookup() -> Response:
        host = choice(request.args, "host", default="localhost", of=("localhost",))  # the lab asks no name server
        begun = perf_counter()
        with booked(RUN):
            found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        return reply({"route": "/lookup", "host": host, "addresses": addresses, "durationMs": ms_since(begun)})

    @app.get("/read")
    async def _read() -> Response:
        begun = perf_counter()
        with booked(RUN):
            data = await trio.Path(__file__).read_bytes()
        return reply({"route": "/read", "bytes": len(data), "durationMs": ms_since(begun)})


async def _fib_on_loop(_: Lab, n: int) -> tuple[int, float]:
    return fib(n)  # nobody else runs meanwhile, on purpose


async def _fib_in_thread(lab: Lab, n: int) -> tuple[int, float]:
    return await lab.native_pool.run(fib, n, kind="reports", abandon_on_cancel=True)


async def _fib_in_process(lab: Lab, n: int) -> tuple[int, float]:
    return await lab.report_pool.run(fib, n, kind="reports")


_FIB = {"loop": _fib_on_loop, "thread": _fib_in_thread, "process": _fib_in_process}
