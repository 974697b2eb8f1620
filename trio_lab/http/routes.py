"""The routes of both Python servers: parse, one call on the lab, JSON.

Only what every runtime serves is here (the server in JavaScript has its own handlers for the same contract). Routes of
one server stay in its package. Errors are not handled here: see `app.STATUSES`.

The first line of a handler's docstring is what `/` says about its route (see `overview`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

from quart import Response, request

from ..records.codec import to_plain
from ..work import fib, hash_password, wait
from .answers import ms, ms_since, reply
from .app import LabApp
from .contract import CHOICES, NUMBERS, RESET, STORMS
from .lab import Lab
from .overview import overview
from .query import choice, integer


def add_routes(app: LabApp) -> None:
    app.declare(NUMBERS, CHOICES)

    @app.get("/")
    async def _overview() -> Response:
        """This list."""
        return overview(app)

    @app.get("/health")
    async def _health() -> Response:
        """How late the loop is, and the state of every queue. With reset=1 a new measuring window begins."""
        return reply(to_plain(app.lab.health(reset=reset())))

    @app.get("/hash")
    async def _hash() -> Response:
        """A slow hash in a thread of the native pool."""
        rounds, begun = _rounds("/hash"), perf_counter()
        await app.lab.in_thread(hash_password, rounds, kind="hash")
        return reply({"route": "/hash", "mode": "async pbkdf2", "durationMs": ms_since(begun)})

    @app.get("/sync-hash")
    async def _sync_hash() -> Response:
        """The same hash on the loop: nothing else runs meanwhile."""
        rounds, begun = _rounds("/sync-hash"), perf_counter()
        hash_password(rounds)  # on purpose
        return reply({"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": ms_since(begun)})

    @app.get("/worker-hash")
    async def _worker_hash() -> Response:
        """The same hash in a worker process."""
        rounds, begun = _rounds("/worker-hash"), perf_counter()
        seconds, queued = await app.lab.in_worker(hash_password, rounds, kind="hash")
        times = {"workerDurationMs": ms(seconds), "totalDurationMs": ms_since(begun), "queueMs": ms(queued)}
        pool = to_plain(app.lab.worker_counts())
        return reply({"route": "/worker-hash", "mode": "worker process", **times, "pool": pool})

    @app.get("/tick-storm")
    async def _tick_storm() -> Response:
        """Many awaits in a row, of a kind that lets other tasks run or starves them."""
        count = integer(request.args, "count", NUMBERS["/tick-storm"])
        mode = choice(request.args, "mode", {"mode": tuple(STORMS[app.lab.runtime])})
        longest = await app.lab.storm(mode, count)
        return reply({"route": "/tick-storm", "scheduledTicks": count, "mode": mode, "longestStepMs": ms(longest)})

    @app.get("/wait")
    async def _wait() -> Response:
        """A blocking call that computes nothing, in the native pool or in the event loop's default threads."""
        seconds = integer(request.args, "ms", NUMBERS["/wait"]) / 1e3
        pool, begun = choice(request.args, "pool", CHOICES["/wait"]), perf_counter()
        if pool == "own":
            await app.lab.in_thread(wait, seconds, kind="wait")
        else:
            await app.lab.in_default_thread(wait, seconds)
        return reply({"route": "/wait", "mode": "blocking wait", "pool": pool, "durationMs": ms_since(begun)})

    @app.get("/fib")
    async def _fib() -> Response:
        """Fibonacci in plain Python, which holds the GIL: in a worker process, in a thread or on the loop."""
        n = integer(request.args, "n", NUMBERS["/fib"])
        where, begun = choice(request.args, "where", CHOICES["/fib"]), perf_counter()
        value, seconds = await _FIB[where](app.lab, n)
        times = {"computeMs": ms(seconds), "durationMs": ms_since(begun)}
        return reply({"route": "/fib", "n": n, "where": where, "value": value, **times})

    @app.get("/lookup")
    async def _lookup() -> Response:
        """A name look-up in the event loop's default threads."""
        host = choice(request.args, "host", CHOICES["/lookup"])
        begun = perf_counter()
        addresses = await app.lab.look_up(host)
        return reply({"route": "/lookup", "host": host, "addresses": addresses, "durationMs": ms_since(begun)})

    @app.get("/read")
    async def _read() -> Response:
        """A file is read in the event loop's default threads."""
        begun = perf_counter()
        content = await app.lab.read(Path(__file__))
        return reply({"route": "/read", "bytes": len(content), "durationMs": ms_since(begun)})


def reset() -> bool:
    """Whether a measured window is to begin anew after it was read."""
    return bool(integer(request.args, "reset", {"reset": RESET}))


def _rounds(route: str) -> int:
    return integer(request.args, "rounds", NUMBERS[route])


async def _fib_on_loop(_: Lab, n: int) -> tuple[int, float]:
    return fib(n)  # nothing else runs meanwhile, on purpose


async def _fib_in_thread(lab: Lab, n: int) -> tuple[int, float]:
    return await lab.in_thread(fib, n, kind="reports")


async def _fib_in_process(lab: Lab, n: int) -> tuple[int, float]:
    found, _ = await lab.in_worker(fib, n, kind="reports")
    return found


_FIB: dict[str, Callable[[Lab, int], Awaitable[tuple[int, float]]]] = {
    "loop": _fib_on_loop,
    "thread": _fib_in_thread,
    "process": _fib_in_process,
}
