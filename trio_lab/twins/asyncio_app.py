"""The lab's routes on Quart and asyncio: ``hypercorn -k asyncio trio_lab.twins.asyncio_app:app``.

The same contract as the Trio server's, written as one writes it for asyncio.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import msgspec
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..config import Config
from ..contract import MAX_BODY, MAX_FIB, MAX_ROUNDS, MAX_TICKS, MAX_WAIT_MS, BadQuery, choice, integer
from ..errors import BrokenWorkerError, Overloaded, RunTimeout
from ..work import fib, hash_password, wait
from . import asyncio_storms
from .asyncio_admission import Closed
from .asyncio_asgi import LabHTTPConnection, LabLifespan
from .asyncio_lab import Lab
from .asyncio_upstream import put_right

T = TypeVar("T")

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BadQuery, 400),
    (Overloaded, 503),
    (Closed, 503),
    (RunTimeout, 504),
    (BrokenWorkerError, 502),
)


class AsyncioApp(Quart):
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


def create_app(config: Config | None = None, *, listener: socket.socket | None = None) -> AsyncioApp:
    """The lab as an ASGI app. Without a config it is read from the environment when serving starts."""
    put_right()
    app = AsyncioApp(config, listener)
    _add_routes(app)
    for error, status in _STATUS:
        app.register_error_handler(error, _on_error(status))
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(500, _on_bug)
    return app


def _add_routes(app: AsyncioApp) -> None:
    @app.before_request
    async def _no_work_for_nothing() -> None:
        rule = request.url_rule
        if request.method == "HEAD" and rule is not None and "HEAD" not in _allowed(rule.methods):
            raise MethodNotAllowed(valid_methods=rule.methods)

    @app.get("/health")
    async def _health() -> Response:
        reset = integer(request.args, "reset", default=1, low=0, high=1)
        return reply(app.lab.health(reset=bool(reset)))

    @app.get("/hash")
    async def _hash() -> Response:
        rounds, begun = _rounds(), perf_counter()
        await app.done_by_pool(app.lab.native_pool.run(hash_password, rounds, kind="hash"))
        return reply({"route": "/hash", "mode": "async pbkdf2", "durationMs": _ms_since(begun)})

    @app.get("/sync-hash")
    async def _sync_hash() -> Response:
        rounds, begun = _rounds(), perf_counter()
        hash_password(rounds)  # on the loop, on purpose
        return reply({"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": _ms_since(begun)})

    @app.get("/worker-hash")
    async def _worker_hash() -> Response:
        rounds, begun = _rounds(), perf_counter()
        seconds, queued = await app.done_by_pool(app.lab.worker_pool.run(hash_password, rounds, kind="hash"))
        durations = {"workerDurationMs": _ms(seconds), "totalDurationMs": _ms_since(begun), "queueMs": _ms(queued)}
        return reply({"route": "/worker-hash", "mode": "worker process", **durations, "pool": app.lab.pool()})

    @app.get("/tick-storm")
    async def _tick_storm() -> Response:
        count = integer(request.args, "count", default=100_000, low=1, high=MAX_TICKS)
        modes = asyncio_storms.MODES
        mode = choice(request.args, "mode", default=modes[0], of=modes)
        longest = await asyncio_storms.storm(mode, count)
        return reply({"route": "/tick-storm", "scheduledTicks": count, "mode": mode, "longestStepMs": _ms(longest)})

    @app.get("/wait")
    async def _wait() -> Response:
        seconds = integer(request.args, "ms", default=20, low=0, high=MAX_WAIT_MS) / 1e3
        threads = choice(request.args, "pool", default="own", of=("own", "default"))
        begun = perf_counter()
        if threads == "own":
            await app.done_by_pool(app.lab.native_pool.run(wait, seconds, kind="wait"))
        else:  # in asyncio's default executor, with everybody else who names none, on purpose
            await asyncio.to_thread(wait, seconds)
        return reply({"route": "/wait", "mode": "blocking wait", "pool": threads, "durationMs": _ms_since(begun)})

    @app.get("/fib")
    async def _fib() -> Response:
        n = integer(request.args, "n", default=25, low=0, high=MAX_FIB)
        where, begun = choice(request.args, "where", default="process", of=tuple(_FIB)), perf_counter()
        value, seconds = await _FIB[where](app, n)
        figures = {"computeMs": _ms(seconds), "durationMs": _ms_since(begun)}
        return reply({"route": "/fib", "n": n, "where": where, "value": value, **figures})

    @app.get("/lookup")
    async def _lookup() -> Response:
        host = choice(request.args, "host", default="localhost", of=("localhost",))  # the lab asks no name server
        begun = perf_counter()
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        return reply({"route": "/lookup", "host": host, "addresses": addresses, "durationMs": _ms_since(begun)})

    @app.get("/read")
    async def _read() -> Response:
        begun = perf_counter()
        data = await asyncio.to_thread(Path(__file__).read_bytes)
        return reply({"route": "/read", "bytes": len(data), "durationMs": _ms_since(begun)})


async def _fib_on_loop(_: AsyncioApp, n: int) -> tuple[int, float]:
    return fib(n)  # nobody else runs meanwhile, on purpose


async def _fib_in_thread(app: AsyncioApp, n: int) -> tuple[int, float]:
    return await app.done_by_pool(app.lab.native_pool.run(fib, n, kind="reports"))


async def _fib_in_process(app: AsyncioApp, n: int) -> tuple[int, float]:
    found, _ = await app.done_by_pool(app.lab.worker_pool.run(fib, n, kind="reports"))
    return found


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


app = create_app()
