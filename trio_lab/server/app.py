"""The routes: parse, one call on the lab, JSON. What an error means to a client is one table."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import msgspec
import trio
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..config import Config
from ..contract import MAX_BODY, MAX_FIB, MAX_ROUNDS, MAX_TICKS, MAX_WAIT_MS, BadQuery, choice, integer
from ..errors import BrokenWorkerError, Overloaded, RunTimeout
from ..measure.ledger import RUN, Ledgers, booked
from ..work import fib, hash_password, wait
from . import storms
from .asgi import LabHTTPConnection, LabLifespan
from .bodies import LabRequest
from .lab import Lab
from .labels import Labels
from .replies import health, ledger, pool, stalls
from .upstream import put_right

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BadQuery, 400),
    (Overloaded, 503),
    (trio.ClosedResourceError, 503),  # the pools are closing
    (RunTimeout, 504),
    (BrokenWorkerError, 502),
)


class LabApp(QuartTrio):
    """A Quart-trio app that opens its lab when serving starts and closes it when serving ends."""

    asgi_http_class = LabHTTPConnection
    asgi_lifespan_class = LabLifespan
    request_class = LabRequest
    lab: Lab

    def __init__(self, config: Config | None, listener: socket.socket | None) -> None:
        super().__init__("trio_lab.server")
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

    async def handle_request(self, request: Any) -> Any:
        """A Host that is no name fails before the error handlers are in place."""
        try:
            return await super().handle_request(request)
        except HTTPException as error:
            return await _on_http_error(error)

    async def make_default_options_response(self, *_: Any) -> Response:
        """A body in JSON here too. (Quart 0.23 hands the context in, 0.22 does not.)"""
        allowed = _allowed(request.url_rule.methods if request.url_rule is not None else None)
        return reply({"allow": allowed}, Allow=", ".join(allowed))


def create_app(config: Config | None = None, *, listener: socket.socket | None = None) -> LabApp:
    """The lab as an ASGI app. Without a config it is read from the environment when serving starts."""
    put_right()
    app = LabApp(config, listener)
    from .blockers import add_blocker_routes  # these need this module
    from .ingest import add_ingest_route

    _add_routes(app)
    add_blocker_routes(app)
    add_ingest_route(app)
    if config is not None and config.faults:
        from .faults import add_fault_routes

        add_fault_routes(app)
    for error, status in _STATUS:
        app.register_error_handler(error, _on_error(status))
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(500, _on_bug)
    return app


def _add_routes(app: LabApp) -> None:
    @app.before_request
    async def _no_work_for_nothing() -> None:
        rule = request.url_rule
        if request.method == "HEAD" and rule is not None and "HEAD" not in _allowed(rule.methods):
            raise MethodNotAllowed(valid_methods=rule.methods)

    @app.get("/health")
    async def _health() -> Response:
        reset = integer(request.args, "reset", default=1, low=0, high=1)
        return reply(health(app.lab, reset=bool(reset)))

    @app.get("/ledger")
    async def _ledger() -> Response:
        reset = integer(request.args, "reset", default=1, low=0, high=1)
        return reply(ledger(app.ledgers, reset=bool(reset)))

    @app.get("/stalls")
    async def _stalls() -> Response:
        return reply(stalls(app.lab))

    @app.get("/hash")
    async def _hash() -> Response:
        rounds, begun = _rounds(), perf_counter()
        with app.work():
            await app.lab.native_pool.run(hash_password, rounds, kind="hash", abandon_on_cancel=True)
        return reply({"route": "/hash", "mode": "async pbkdf2", "durationMs": _ms_since(begun)})

    @app.get("/sync-hash")
    async def _sync_hash() -> Response:
        rounds, begun = _rounds(), perf_counter()
        hash_password(rounds)  # on the loop, on purpose
        return reply({"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": _ms_since(begun)})

    @app.get("/worker-hash")
    async def _worker_hash() -> Response:
        rounds, begun = _rounds(), perf_counter()
        with app.work():
            seconds, queued = await app.lab.worker_pool.run_timed(hash_password, rounds, kind="hash")
        return reply(
            {
                "route": "/worker-hash",
                "mode": "worker process",
                "workerDurationMs": _ms(seconds),
                "totalDurationMs": _ms_since(begun),
                "queueMs": _ms(queued),
                "pool": pool(app.lab),
            }
        )

    @app.get("/tick-storm")
    async def _tick_storm() -> Response:
        count = integer(request.args, "count", default=100_000, low=1, high=MAX_TICKS)
        mode = choice(request.args, "mode", default="none", of=storms.MODES)
        longest = await storms.storm(mode, count)
        return reply({"route": "/tick-storm", "scheduledTicks": count, "mode": mode, "longestStepMs": _ms(longest)})

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
        return reply({"route": "/wait", "mode": "blocking wait", "pool": threads, "durationMs": _ms_since(begun)})

    @app.get("/fib")
    async def _fib() -> Response:
        n = integer(request.args, "n", default=25, low=0, high=MAX_FIB)
        where, begun = choice(request.args, "where", default="process", of=tuple(_FIB)), perf_counter()
        with app.work():
            value, seconds = await _FIB[where](app.lab, n)
        figures = {"computeMs": _ms(seconds), "durationMs": _ms_since(begun)}
        return reply({"route": "/fib", "n": n, "where": where, "value": value, **figures})

    @app.get("/lookup")
    async def _lookup() -> Response:
        host = choice(request.args, "host", default="localhost", of=("localhost",))  # the lab asks no name server
        begun = perf_counter()
        with booked(RUN):
            found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        return reply({"route": "/lookup", "host": host, "addresses": addresses, "durationMs": _ms_since(begun)})

    @app.get("/read")
    async def _read() -> Response:
        begun = perf_counter()
        with booked(RUN):
            data = await trio.Path(__file__).read_bytes()
        return reply({"route": "/read", "bytes": len(data), "durationMs": _ms_since(begun)})


async def _fib_on_loop(_: Lab, n: int) -> tuple[int, float]:
    return fib(n)  # nobody else runs meanwhile, on purpose


async def _fib_in_thread(lab: Lab, n: int) -> tuple[int, float]:
    return await lab.native_pool.run(fib, n, kind="reports", abandon_on_cancel=True)


async def _fib_in_process(lab: Lab, n: int) -> tuple[int, float]:
    return await lab.report_pool.run(fib, n, kind="reports")


_FIB = {"loop": _fib_on_loop, "thread": _fib_in_thread, "process": _fib_in_process}


def _rounds() -> int:
    return integer(request.args, "rounds", default=120_000, low=1, high=MAX_ROUNDS)


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def _ms_since(begun: float) -> float:
    return _ms(perf_counter() - begun)


def reply(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(msgspec.json.encode(body), status, headers, content_type="application/json")


def _on_error(status: int) -> Any:
    async def handle(error: Exception) -> Response:
        body = {"error": str(error) or "The server is ending"}
        if isinstance(error, Overloaded):
            return reply(body | {"queue": error.queue}, status, **{"Retry-After": f"{error.retry_after:.0f}"})
        return reply(body, status)

    return handle


async def _on_http_error(error: HTTPException) -> Response:
    text = "Not found" if error.code == 404 else (error.name or "error")
    response = reply({"error": text}, error.code or 500)
    if error.code == 405:
        response.headers["Allow"] = ", ".join(_allowed(getattr(error, "valid_methods", None)))
    return response


def _allowed(methods: Iterable[str] | None) -> list[str]:
    """HEAD would cost as much as GET wherever there is work, and has nothing to tell; so it is only for /health."""
    return sorted(set(methods or ()) - (set() if request.path == "/health" else {"HEAD"}))


async def _on_bug(error: Exception) -> Response:
    return reply({"error": "Internal server error"}, 500)
