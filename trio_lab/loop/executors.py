"""The executors of a program as queues: each `ThreadPoolExecutor` and `ProcessPoolExecutor`, found without the program's help.

`concurrent.futures` keeps two registers, of the threads of all thread pools and of the threads that manage process pools, to
end them when the interpreter exits. Each of these threads refers weakly to its executor, so the executors are found there.
Nothing is patched, no executor is kept alive, and the heap is not searched. A register is read again only if a thread was
added to it since the last look.

An executor counts neither its jobs nor their times, so all that is not observed: arrivals, completions, wait and service.

The registers, and what is read from an executor, have private names. Where one is missing the executors are not found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any
from weakref import ref

from ..records.queue import Queue, QueueStatistics, Undivided

# Until Python 3.11 a thread counts as idle after each job, also when it takes the next one at once.
_IDLE_IS_EXACT = sys.version_info >= (3, 12)


@lru_cache(512)
def _state(name: str, capacity: int, in_service: int | None, waiting: int) -> QueueStatistics:
    """The record of an executor. Most say what the one before said; to make one is most of what it costs to tell."""
    return QueueStatistics(name=name, capacity=capacity, in_service=in_service, waiting=waiting, kinds=())


class ThreadPool(Undivided):
    """A `ThreadPoolExecutor`, by the ``name`` that its threads have."""

    def __init__(self, executor: Any, name: str | None = None) -> None:
        self._executor = executor
        self._name = name or executor._thread_name_prefix

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        executor = self._executor
        waiting, threads = executor._work_queue.qsize(), len(executor._threads)
        return _state(self._name, executor._max_workers, threads if waiting else self._busy(threads), waiting)

    def _busy(self, threads: int) -> int | None:
        """How many threads run a job while no job waits."""
        if not _IDLE_IS_EXACT and threads == self._executor._max_workers:
            return None
        return max(0, threads - int(self._executor._idle_semaphore._value))


class ProcessPool(Undivided):
    """A `ProcessPoolExecutor`. It knows how many jobs have not ended; as many of them run as there are processes."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        size, pending = self._executor._max_workers, len(self._executor._pending_work_items)
        return _state("ProcessPoolExecutor", size, min(pending, size), max(0, pending - size))


class _Register:
    """One of the two registers: a dictionary whose weak keys are threads, the newest one last."""

    def __init__(self, module: str, name: str, executor_of: Callable[[Any], Any]) -> None:
        self._module, self._name, self._executor_of = f"concurrent.futures.{module}", name, executor_of
        self._newest: ref[Any] | None = None
        self._found: list[ref[Any]] = []

    def executors(self) -> list[Any]:
        """Those that still take jobs, in the order in which they were found."""
        threads = getattr(sys.modules.get(self._module), self._name, None)
        refs = [] if threads is None else threads.keyrefs()
        if refs and refs[-1] is not self._newest:
            self._find(refs)
            self._newest = refs[-1]
        alive = []
        for found in self._found:
            if (executor := found()) is None:
                self._found = [one for one in self._found if one is not found]
            elif not _is_shut_down(executor):
                alive.append(executor)
        return alive

    def _find(self, refs: list[ref[Any]]) -> None:
        new: list[Any] = []
        for thread in reversed(refs):
            if thread is self._newest:
                break
            with suppress(AttributeError, IndexError, TypeError):  # the thread has ended
                new.append(self._executor_of(thread()))
        for executor in reversed(new):
            if executor is not None and all(found() is not executor for found in self._found):
                self._found.append(ref(executor))


def _is_shut_down(executor: Any) -> bool:
    return getattr(executor, "_shutdown", False) or getattr(executor, "_shutdown_thread", False)


class Executors:
    """All executors of this process that have been given a job."""

    def __init__(self) -> None:
        self._threads = _Register("thread", "_threads_queues", lambda thread: thread._args[0]())
        self._processes = _Register("process", "_threads_wakeups", lambda thread: thread.executor_reference())

    def queues(self, *, besides: object = None) -> list[Queue]:
        """Each of them as a queue, except ``besides``."""
        try:
            threads = [ThreadPool(one) for one in self._threads.executors() if one is not besides]
            return [*threads, *map(ProcessPool, self._processes.executors())]
        except AttributeError:
            return []
