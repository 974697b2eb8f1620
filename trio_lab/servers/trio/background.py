"""The background jobs of a lab: an engine that is opened when the first request asks for it, or at the start if it was named.

Without a name the jobs are in a file of the server's own, which is gone when it ends, and the server works at them itself, with
its own worker pool. With one (``--jobs``) it only submits: any number of `trio-lab jobs work` do the work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path

import trio

from ...blocks import block
from ...errors import Overloaded, QueueTimeout, Unreachable, UsageError
from ...jobs.contract import Engine, NewJob
from ...jobs.examples import lab_functions
from ...jobs.functions import JobFunctions
from ...jobs.opening import open_jobs
from ...jobs.sqlite import open_sqlite_jobs
from ...jobs.work import open_job_worker
from ...measure.queues import Queues
from ...pools.workers import WorkerPool
from ...records.job import JobRecord
from ..own_folder import JOBS, own_folder

NAME = "jobs"
_LOOK = 0.5  # seconds between two looks at the counts


class BackgroundJobs:
    """What handlers submit to. The engine is registered with the lab's other ``queues`` when it is opened.

    Raises:
        ValueError: another queue has its name.
    """

    def __init__(self, queues: Queues, *, max_waiting: int, longest_wait: float | None) -> None:
        queues.require_free(NAME)
        self._queues = queues
        self._max_waiting = max_waiting
        self.functions: JobFunctions = lab_functions()
        self._longest_wait = float("inf") if longest_wait is None else longest_wait
        self._wanted, self._ready = trio.Event(), trio.Event()
        self._engine: Engine | None = None
        self._failed = ""

    async def engine(self) -> Engine:
        """Raises `Unreachable` when the server's own cannot be opened now; who comes next tries it again."""
        self._wanted.set()
        await self._ready.wait()
        if self._engine is None:
            raise Unreachable(NAME, reason=self._failed)
        return self._engine

    async def submit(self, job: NewJob) -> str:
        """As `Engine.submit`. Raises `QueueTimeout` when the engine could not be reached in time."""
        engine = await self.engine()
        with self._in_time():
            return await engine.submit(job)

    async def cancel(self, id: str) -> JobRecord | None:
        """As `Engine.cancel`. Raises `QueueTimeout` as `submit`."""
        engine = await self.engine()
        with self._in_time():
            return await engine.cancel(id)

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        try:
            with trio.fail_after(self._longest_wait):
                yield
        except trio.TooSlowError:
            raise QueueTimeout(NAME) from None

    async def serve(self, engine: Engine) -> None:
        """Let requests use this engine; look at its counts until cancelled."""
        self._engine = engine
        self._queues.register(engine)
        self._ready.set()
        while True:
            with suppress(OSError, Overloaded):  # requests are told so, and the counts stay as they are
                await engine.look()
            await trio.sleep(_LOOK)

    async def serve_own(self, workers: WorkerPool, file: Path | None) -> None:
        """The same with an engine of the server's own, and a worker, from the first request on. Several processes of a server
        have one ``file``."""
        with ExitStack() as folder:
            while True:
                await self._wanted.wait()
                async with AsyncExitStack() as stack:
                    try:
                        if file is None:
                            file = await trio.to_thread.run_sync(folder.enter_context, own_folder()) / JOBS
                        engine = await stack.enter_async_context(open_sqlite_jobs(file, max_waiting=self._max_waiting))
                    except (OSError, UsageError) as error:
                        self._fail(str(error))
                        continue
                    work = open_job_worker(
                        engine, self.functions, concurrency=workers.size, processes=workers, grace=0.0
                    )
                    await stack.enter_async_context(work)
                    await self.serve(engine)

    def _fail(self, reason: str) -> None:
        """There is no engine: tell those who wait for it."""
        self._failed = reason
        ready, self._ready, self._wanted = self._ready, trio.Event(), trio.Event()
        ready.set()


@block
async def open_background_jobs(
    url: str | None,
    workers: WorkerPool,
    queues: Queues,
    *,
    max_waiting: int,
    longest_wait: float | None,
    own_file: Path | None = None,
) -> AsyncIterator[BackgroundJobs]:
    """The jobs of a lab for the length of the block, at ``url`` or in a file of their own: ``own_file``, or one that is gone
    at the end. ``max_waiting`` of them may wait.

    Raises:
        UsageError: there is no engine at the ``url``.
    """
    jobs = BackgroundJobs(queues, max_waiting=max_waiting, longest_wait=longest_wait)
    async with AsyncExitStack() as stack:
        engine = None if url is None else await stack.enter_async_context(open_jobs(url, max_waiting=max_waiting))
        async with trio.open_nursery() as nursery:
            if engine is None:
                nursery.start_soon(jobs.serve_own, workers, own_file)
            else:
                nursery.start_soon(jobs.serve, engine)
            yield jobs
            nursery.cancel_scope.cancel()
