"""The routes of both Python servers: parse, one call on the lab, JSON.

Only what every runtime serves is here (the server in JavaScript has its own handlers for the same contract). Routes of
one server stay in its package. Errors are not handled here: see `app.STATUSES`.

The first line of a handler's docstring is what `/` says about its route (see `overview`).
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from quart import Response, request

from ..records.codec import to_plain
from ..work import fib, hash_password, wait
from .answers import ms, ms_since, reply
from .app import LabApp
from .contract import CHOICES, NUMBERS, RESET, STORMS
from .lab import REPORTS
from .overview import overview
from .pool_job import Done, JobOf, PoolJob
from .query import Query, choice, integer


def add_routes(app: LabApp) -> None:
    app.declare(NUMBERS, CHOICES)
    app.jobs.update(JOBS)

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
        done = await _done(app)
        return reply({"route": "/hash", "mode": "async pbkdf2", "durationMs": ms(done.took)})

    @app.get("/sync-hash")
    async def _sync_hash() -> Response:
        """The same hash on the loop: nothing else runs meanwhile."""
        rounds, begun = _rounds(request.args, "/sync-hash"), perf_counter()
        hash_password(rounds)  # on purpose
        return reply({"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": ms_since(begun)})

    @app.get("/worker-hash")
    async def _worker_hash() -> Response:
        """The same hash in a worker process."""
        done = await _done(app)
        times = {"workerDurationMs": ms(done.value), "totalDurationMs": ms(done.took), "queueMs": ms(done.queued)}
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
        begun, done = perf_counter(), await app.run_job()
        if done is None:
            await app.lab.in_default_thread(wait, _seconds(request.args))
        pool, took = choice(request.args, "pool", CHOICES["/wait"]), ms_since(begun) if done is None else ms(done.took)
        return reply({"route": "/wait", "mode": "blocking wait", "pool": pool, "durationMs": took})

    @app.get("/fib")
    async def _fib() -> Response:
        """Fibonacci in plain Python, which holds the GIL: in a worker process, in a thread or on the loop."""
        begun, done = perf_counter(), await app.run_job()
        n, where = _n(request.args), choice(request.args, "where", CHOICES["/fib"])
        value, seconds = fib(n) if done is None else done.value  # the first is on the loop, on purpose
        times = {"computeMs": ms(seconds), "durationMs": ms_since(begun) if done is None else ms(done.took)}
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


async def _done(app: LabApp) -> Done:
    """The job of a route that always has one."""
    done = await app.run_job()
    assert done is not None
    return done


def _rounds(query: Query, route: str) -> int:
    return integer(query, "rounds", NUMBERS[route])


def _seconds(query: Query) -> float:
    return integer(query, "ms", NUMBERS["/wait"]) / 1e3


def _n(query: Query) -> int:
    return integer(query, "n", NUMBERS["/fib"])


def _hash_job(query: Query) -> PoolJob:
    return PoolJob(fn=hash_password, args=(_rounds(query, "/hash"),), kind="hash")


def _worker_hash_job(query: Query) -> PoolJob:
    return PoolJob(fn=hash_password, args=(_rounds(query, "/worker-hash"),), kind="hash", in_process=True)


def _wait_job(query: Query) -> PoolJob | None:
    seconds, pool = _seconds(query), choice(query, "pool", CHOICES["/wait"])
    return PoolJob(fn=wait, args=(seconds,), kind="wait") if pool == "own" else None


def _fib_job(query: Query) -> PoolJob | None:
    n, where = _n(query), choice(query, "where", CHOICES["/fib"])
    return None if where == "loop" else PoolJob(fn=fib, args=(n,), kind=REPORTS, in_process=where == "process")


JOBS: dict[str, JobOf] = {
    "/hash": _hash_job,
    "/worker-hash": _worker_hash_job,
    "/wait": _wait_job,
    "/fib": _fib_job,
}
