"""A connection to a Redis or Valkey server that is made again whenever it was lost, and the steps of `redis.lua` on it.

The client is coredis, which streaq brings along. Two of its habits decide how it is used here. Its pool loses a place for good
when a caller is cancelled while it connects, or when a connection breaks while it is lent: so commands run in tasks of the
session, which no caller can cancel, and a session that failed is replaced with its pool. And it repeats a command when the
connection was lost, which would submit a job twice: that is switched off.

Needs the extra ``redis``.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import trio
from coredis.exceptions import BusyLoadingError, ResponseError, StreamConsumerGroupError
from coredis.retry import NoRetryPolicy
from streaq import Worker
from streaq.constants import REDIS_GROUP
from streaq.types import Streaq

from ..blocks import block
from ..errors import Unreachable, UsageError, first_of, in_a_line

T = TypeVar("T")
_log = logging.getLogger(__name__)

_QUEUE = "trio_lab"
_FORMAT = "1"  # of what is kept; the key says which it is
_PATIENCE = 5.0  # seconds for the commands of one call
_RECONNECT = 1.0  # seconds that a call waits for a lost connection
_AGAIN = 0.1  # seconds between two attempts to connect
_BLOCK = 1000  # milliseconds that the listener waits in one command
_LEVELS = 5
_SILENT = f"no answer within {_PATIENCE:g} s"

LEVELS = tuple(str(level) for level in range(_LEVELS, -_LEVELS - 1, -1))
"""The priorities that streaq has a stream for, the most urgent first."""


class Session:
    """One connection. ``streaq`` has the functions in Lua that streaq has for its queue, ``streams`` and ``delayed`` are what
    its keys begin with. ``broken`` is set once the connection is of no more use, for this ``reason``."""

    def __init__(self, worker: Worker[None], streaq: Streaq, nursery: trio.Nursery) -> None:
        self.streaq = streaq
        self.streams, self.delayed = worker.stream_key, worker.queue_key
        self.broken, self.reason = trio.Event(), ""
        self._redis = worker.redis
        self._nursery = nursery

    def lose(self, error: Exception) -> None:
        self.reason = in_a_line(error)
        self.broken.set()

    async def step(self, name: str, *arguments: object) -> Any:
        """One of the functions in `redis.lua`. Raises UnicodeEncodeError for a text that is none."""
        encoded = [argument if isinstance(argument, bytes) else str(argument).encode() for argument in arguments]
        return await self._redis.fcall(f"trio_lab_{name}", [], encoded)

    async def has_entry(self) -> bool:
        """Wait for an entry in one of the streams, for a while."""
        from_the_first = {self.streams + level: "0-0" for level in LEVELS}
        return bool(await self._redis.xread(from_the_first, count=1, block=_BLOCK))

    async def do(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What ``work`` returns. Its commands go on when the caller is cancelled.

        Raises:
            Unreachable: the server refused, or the connection was lost meanwhile. Then the work may have been done.
        """
        ended = trio.Event()
        outcome: list[T | Exception] = []

        async def run() -> None:
            try:
                with trio.fail_after(_PATIENCE):
                    outcome.append(await work(self))
            except UnicodeEncodeError as error:  # of this call alone: nothing was sent
                outcome.append(error)
            except Exception as error:  # whatever it is: the client has assertions about what servers answer
                if _needs_a_new_session(error):
                    self.lose(error)
                outcome.append(Unreachable("jobs", reason=in_a_line(error)))
            finally:
                ended.set()

        self._nursery.start_soon(run)
        await ended.wait()
        found = outcome[0] if outcome else Unreachable("jobs", reason="the connection was closed")
        if isinstance(found, Exception):
            raise found
        return found


def _needs_a_new_session(error: Exception) -> bool:
    """A server that has lost what it kept in memory has neither the functions nor the groups; a session brings them."""
    if isinstance(error, StreamConsumerGroupError | BusyLoadingError) or not isinstance(error, ResponseError):
        return True
    return "unction not found" in str(error) or "NOGROUP" in str(error)


class Broker:
    """Open it with `open_broker`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: Session | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._opened = self._closed = False
        self._reason = ""
        self._wanted = trio.Event()
        self._bell = trio.lowlevel.ParkingLot()

    async def do(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """As `Session.do`, on the session there is, or the next if it comes soon.

        Raises:
            Unreachable: none came soon, or see `Session.do`.
            trio.ClosedResourceError: the block of `open_broker` has ended.
        """
        with trio.move_on_after(_RECONNECT):
            while self._usable() is None and not self._closed:
                await self._changed.park()
        if self._closed:
            raise trio.ClosedResourceError("jobs was closed")
        if (session := self._usable()) is None:
            raise Unreachable("jobs", reason=self._reason)
        return await session.do(work)

    def _usable(self) -> Session | None:
        """A broken session is there until its tasks have ended."""
        return None if self._session is None or self._session.broken.is_set() else self._session

    async def step(self, name: str, *arguments: object) -> Any:
        """One of the functions in `redis.lua`."""
        return await self.do(lambda session: session.step(name, *arguments))

    async def entry(self) -> None:
        """Returns when there may be an entry in a stream."""
        self._wanted.set()
        await self._bell.park()

    async def keep(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Have a session until cancelled. The first one must succeed.

        Raises:
            UsageError: there is no such server, or it cannot be used.
        """
        try:
            while True:
                try:
                    await self._serve(task_status)
                except UsageError:
                    if not self._opened:
                        raise
                await trio.sleep(_AGAIN)
        finally:
            self._closed = True
            self._changed.unpark_all()

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        """One session, until it is broken. Raises UsageError if there is none to be had."""
        worker = _worker(self._url)
        try:
            with trio.CancelScope(deadline=trio.current_time() + _PATIENCE) as opening:
                async with worker, trio.open_nursery() as nursery:
                    self._session = session = await _prepared(worker, nursery)
                    opening.deadline = math.inf
                    self._changed.unpark_all()
                    if not self._opened:
                        self._opened = True
                        task_status.started()
                    nursery.start_soon(self._listen, session)
                    try:
                        await session.broken.wait()
                    finally:
                        self._session, self._reason = None, session.reason
                    nursery.cancel_scope.cancel()
        except Exception as error:
            await trio.lowlevel.checkpoint_if_cancelled()  # then the client raises an error of its own
            first = first_of(error)
            if isinstance(first, UsageError):
                raise first from None
            # Whatever it is (the client has assertions about what servers answer), the next attempt may succeed.
            self._reason = _SILENT if opening.cancel_called else in_a_line(first)
            raise UsageError(f"jobs cannot be reached: {self._reason}") from None
        finally:
            self._bell.unpark_all()
        if opening.cancelled_caught:
            self._reason = _SILENT
            raise UsageError(f"jobs cannot be reached: {_SILENT}")

    async def _listen(self, session: Session) -> None:
        """Ring the bell when there are entries, while somebody listens. One task that no caller cancels does it for all."""
        while True:
            await self._wanted.wait()
            try:
                found = await session.has_entry()
            except Exception as error:
                session.lose(error)
                return
            if found or not self._bell:
                self._wanted = trio.Event()
                self._bell.unpark_all()


@block
async def open_broker(url: str, *, warn: bool) -> AsyncIterator[Broker]:
    """A connection to the server at ``url`` for the length of the block. With ``warn`` a server that may lose jobs is named in
    the log.

    Raises:
        UsageError: there is no such server, or it cannot be used.
    """
    logging.getLogger("coredis").addFilter(_is_news)
    broker = Broker(url)
    async with trio.open_nursery() as nursery:
        await nursery.start(broker.keep)
        if warn:
            with suppress(Unreachable):  # it was lost again, and may come back
                if danger := await broker.do(_danger):
                    _log.warning("%s", danger)
        yield broker
        nursery.cancel_scope.cancel()


def _is_news(record: logging.LogRecord) -> bool:
    """The client logs a traceback of what it raises as well."""
    return not record.getMessage().startswith("Connection attempt failed")


def _worker(url: str) -> Worker[None]:
    """streaq's name for a queue and a connection; it is not run. Raises UsageError for what is no address."""
    try:
        return Worker(
            redis_url=url,
            redis_kwargs={"retry_policy": NoRetryPolicy(), "connect_timeout": _PATIENCE, "decode_components": True},
            queue_name=_QUEUE,
            priorities=list(reversed(LEVELS)),
            serializer=json.dumps,
            deserializer=json.loads,
        )
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"jobs cannot be at this address: {error}") from None


async def _prepared(worker: Worker[None], nursery: trio.Nursery) -> Session:
    """Functions and groups are brought each time: the server may have lost them."""
    key = f"{worker.prefix}:jobs:format"
    await worker.redis.setnx(key, _FORMAT)
    if (found := await worker.redis.get(key)) != _FORMAT:
        raise UsageError(f"the server holds jobs of another version: {found!r}, not {_FORMAT!r}")
    await worker.redis.function_load(Path(__file__).with_name("redis.lua").read_text(), replace=True)
    streaq = await Streaq(worker.redis)
    await streaq.create_groups(worker.stream_key, REDIS_GROUP, *LEVELS)
    return Session(worker, streaq, nursery)


async def _danger(session: Session) -> str:
    """How the server may lose jobs; empty if it does not, or does not let us know."""
    try:
        found = await session._redis.info("persistence", "memory")
    except ResponseError:
        return ""
    dangers = []
    if not int(str(found.get("aof_enabled", 1))):
        dangers.append("it has no append-only file, so jobs are lost when it dies (appendonly yes)")
    if str(found.get("maxmemory_policy", "")).startswith("allkeys"):
        dangers.append("it drops keys when its memory is full, and jobs with them (maxmemory-policy noeviction)")
    return f"the server that keeps the jobs may lose them: {'; '.join(dangers)}" if dangers else ""
