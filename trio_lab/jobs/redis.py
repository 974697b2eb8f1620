"""Background jobs on a Redis or Valkey server: the engine for servers and workers on any number of hosts.

The queue of streaq carries the jobs. Those that wait are entries of its streams, one for each priority. Those with a delay, and
those that wait for another try, are in its sorted sets, from which its own function moves them when they are due. Its reader
gives an entry to one worker, and to another one if the first was lost before it began.

When a try begins, functions of our own in `redis.lua` take over, because streaq's worker cannot hold the contract of engines:

- It acknowledges a task and stores the result even if another worker has the task by then, and its renewal of leases takes the
  task back from that worker. Here every end has to show the name of the worker and the number of the try: the fence.
- It tries only those tasks again that ask for it, and has neither dead letters nor a bound on its queue.
- It looks for lost tasks once in the length of a lease when it is idle, and ends when the server does.

All times are by the server's clock, so those of the hosts need not agree.

Commands of a caller that is cancelled still go to their end, and a claim is waited for. A cluster is not supported.

Needs the extra ``redis``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import trio
from streaq.constants import REDIS_GROUP

from ..blocks import block
from ..errors import QueueFull
from ..preconditions import require_count, require_loop
from ..records.job import JobRecord, JobState
from .broker import LEVELS, Broker, Session, open_broker
from .contract import Claimed, Lease, NewJob
from .counted import Counted, Tally, number
from .jsons import read_json, write_json

_CONSUMER = "worker"  # all of them: who has a job is told by its lease
_UNBEGUN = 1000  # milliseconds between reading an entry and beginning its job, after which another worker may read it
_ROUNDS = 100  # of reading until there is a job to begin: entries of cancelled jobs are dropped; the next claim goes on
_IN_VAIN = 0.02  # seconds before another look for entries that others were faster to take
_MOST_URGENT = int(LEVELS[0])


class RedisJobs(Counted):
    """The engine on Trio. Open it with `open_redis_jobs`."""

    def __init__(self, broker: Broker, *, max_waiting: int | None, name: str) -> None:
        super().__init__(name, max_waiting)
        self._broker = broker
        self._next_due: float | None = None
        self._in_vain = False

    # The contract of engines.

    async def submit(self, job: NewJob) -> str:
        args = write_json(job.args)
        level = max(-_MOST_URGENT, min(_MOST_URGENT, int(job.priority)))
        bound, moment = _or_empty(self._bound), "" if job.at is None else _ms(job.at)
        id = await self._broker.step("submit", bound, job.name, args, level, job.max_tries, _ms(job.delay), moment)
        if id is None:
            self._rejected += 1
            raise QueueFull(self.name)
        return str(id)

    async def get(self, id: str) -> JobRecord | None:
        return None if (row := number(id)) is None else await self._record(row)

    async def _record(self, row: int) -> JobRecord | None:
        now, job = await self._broker.step("get", row)
        return _record(row, _dict(job), now) if job else None

    async def jobs(self, *, state: JobState | None = None, name: str | None = None, limit: int = 50) -> list[JobRecord]:
        found: list[JobRecord] = []
        below: int | str = ""
        while below != 0 and len(found) < limit:
            asked = (below, state or "", name or "", limit - len(found))
            now, below, jobs = await self._broker.step("list", *asked)
            found += [_record(row, _dict(job), now) for row, job in jobs]
        return found

    async def cancel(self, id: str) -> JobRecord | None:
        return await self._change(id, "cancel")

    async def retry(self, id: str) -> JobRecord | None:
        return await self._change(id, "retry")

    async def _change(self, id: str, step: str) -> JobRecord | None:
        if (row := number(id)) is None:
            return None
        await self._broker.step(step, row)
        return await self._record(row)

    async def claim(self, most: int, *, worker: str, lease: float) -> list[Claimed]:
        require_count("most", most, low=1)

        async def work(session: Session) -> list[list[Any]]:
            now, *times, due_levels = await session.step("look")
            here = trio.current_time()
            self._next_due = min((here + (time - now) / 1000 for time in times if time >= 0), default=None)
            for level in due_levels:
                await session.streaq.publish_delayed_tasks(session.delayed + level, session.streams + level, now)
            for _ in range(_ROUNDS):
                entries = await _read(session, most)
                begun = await session.step("begin", worker, _ms(lease), *entries) if entries else []
                if begun or not entries:
                    return list(begun)
            return []

        await trio.lowlevel.checkpoint_if_cancelled()
        # For some seconds at most. Otherwise nobody would have these jobs until their leases run out.
        with trio.CancelScope(shield=True):
            found = await self._broker.do(work)
        self._in_vain = self._in_vain and not found
        return [
            Claimed(id=id, name=name, args=read_json(args), tries=tries, max_tries=max_tries, worker=worker)
            for id, name, args, tries, max_tries in found
        ]

    async def renew(self, held: Sequence[tuple[Claimed, float | None]], *, lease: float) -> list[Lease]:
        asked = [part for job, progress in held for part in (job.id, job.tries, job.worker, _or_empty(progress))]
        found = await self._broker.step("renew", _ms(lease), *asked)
        return [Lease(held=one > 0, cancelling=one == 2) for one in found]

    async def finish(self, job: Claimed, result: Any) -> bool:
        return await self._end("finish", job, write_json(result))

    async def finish_and_claim(self, job: Claimed, result: Any, *, lease: float) -> tuple[bool, Claimed | None]:
        """Claims nothing: a claim takes four commands, so it is better made for many places at once."""
        return await self.finish(job, result), None

    async def fail(self, job: Claimed, error: str, *, again_in: float | None) -> bool:
        text = error.encode(errors="backslashreplace")  # a file's name in it may be no valid Unicode
        return await self._end("fail", job, text, "" if again_in is None else _ms(again_in))

    async def give_back(self, job: Claimed, *, cancelled: bool = False) -> bool:
        return await self._end("give_back", job, int(cancelled))

    async def _end(self, step: str, job: Claimed, *how: object) -> bool:
        return bool(await self._broker.step(step, job.id, job.tries, job.worker, *how))

    async def wait(self, timeout: float) -> None:
        """As the contract has it. A job that is scheduled, and a lease that runs out, end the wait too."""
        if self._next_due is not None:
            timeout = min(timeout, max(0.0, self._next_due - trio.current_time()))
        with trio.move_on_after(timeout):
            if self._in_vain:
                await trio.sleep(_IN_VAIN)
            await self._broker.entry()
            self._in_vain = True

    # The queue.

    async def look(self) -> None:
        found = _dict(await self._broker.step("tally"))
        self._tally = Tally(**{one.name: int(found.get(one.name, 0)) for one in fields(Tally)})


async def _read(session: Session, most: int) -> list[str]:
    """Up to so many entries, as level, entry and id of the job one after the other."""
    found = await session.streaq.read_streams(session.streams, REDIS_GROUP, _CONSUMER, most, _UNBEGUN, *LEVELS)
    return [
        part
        for stream, entries in (found or {}).items()
        for entry, values, *_ in entries
        for part in (stream.removeprefix(session.streams), str(entry), str(values.get("task_id", "")))
    ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _or_empty(value: object) -> object:
    return "" if value is None else value


def _dict(flat: Any) -> Mapping[str, str]:
    return flat if isinstance(flat, Mapping) else dict(zip(flat[::2], flat[1::2], strict=True))


def _record(row: int, job: Mapping[str, str], now: int) -> JobRecord:
    state: Any = job["state"]
    due = float(job.get("due", now))
    return JobRecord(
        id=str(row),
        job=job["name"],
        args=read_json(job["args"]),
        state=state,
        tries=int(job["tries"]),
        max_tries=int(job["max_tries"]),
        age=max(0.0, (now - float(job["created"])) / 1000),
        progress=float(job["progress"]) if "progress" in job else None,
        due_in=(due - now) / 1000 if due > now else None,
        result=read_json(job["result"]) if "result" in job else None,
        error=job.get("error"),
    )


@block
async def open_redis_jobs(
    url: str, *, max_waiting: int | None = 10_000, name: str = "jobs", warn: bool = True
) -> AsyncIterator[RedisJobs]:
    """The jobs on the server at ``url`` (redis://host:port/database) for the length of the block.

    ``max_waiting`` jobs may wait, those with a delay included; None is no bound. A server that would lose jobs when it dies is
    warned of in the log, unless ``warn`` is false.

    Raises:
        UsageError: there is no such server, or it cannot be used.
    """
    require_loop("open_redis_jobs", "Trio")
    if max_waiting is not None:
        require_count("max_waiting", max_waiting, low=1)
    async with open_broker(url, warn=warn) as broker:
        yield RedisJobs(broker, max_waiting=max_waiting, name=name)
