"""The threads that all of an asyncio program shares: two queues that no program makes and many use.

AnyIO's default limiter has 40 places. Starlette and FastAPI run each handler that is a plain function there, and files.
The loop's default executor has at most 32 threads; `asyncio.to_thread` and name look-ups run there.

Both are made when they are first needed. Until then nothing waits for them, and how many places there will be is not
observed. How long callers wait is not observed at all.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

from ..records.queue import Queue, QueueStatistics, Undivided
from .executors import ThreadPool

_LIMITER = "_default_thread_limiter"


class AnyioLimiter(Undivided):
    """AnyIO's default thread limiter of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        limiter = self._limiter()
        if limiter is None:
            return _unused("default_limiter")
        return QueueStatistics(
            name="default_limiter",
            capacity=limiter.total_tokens if isinstance(limiter.total_tokens, int) else None,
            in_service=limiter.borrowed_tokens,
            waiting=limiter.statistics().tasks_waiting,
            kinds=(),
        )

    def _limiter(self) -> Any:
        """None before its first use. To ask AnyIO for it would make it, and takes a task that runs."""
        variables: Any = getattr(sys.modules["anyio.lowlevel"], "_run_vars", {}).get(self._loop, {})
        variable = getattr(sys.modules["anyio._backends._asyncio"], _LIMITER, None)
        return variables.get(variable, variables.get(_LIMITER))  # older versions have its name for a key


class DefaultExecutor(Undivided):
    """The default executor of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str = "default_executor") -> None:
        self._loop, self._name = loop, name

    def executor(self) -> Any:
        """None before its first use."""
        own = getattr(self._loop, "_default_executor", self)
        if own is not self:
            return own
        threads: Any = sys.modules.get("concurrent.futures.thread")
        if threads is None:
            return None
        # uvloop's loop shows it to nothing but the garbage collector.
        return next((one for one in gc.get_referents(self._loop) if isinstance(one, threads.ThreadPoolExecutor)), None)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        executor = self.executor()
        try:
            return _unused(self._name) if executor is None else ThreadPool(executor, self._name).statistics()
        except AttributeError:  # the program has set one of another kind
            return QueueStatistics(name=self._name, kinds=())


def _unused(name: str) -> QueueStatistics:
    return QueueStatistics(name=name, in_service=0, waiting=0, kinds=())


def shared_threads(loop: asyncio.AbstractEventLoop) -> tuple[list[Queue], Any]:
    """Both queues, AnyIO's only if the program has imported it; and the default executor, None before its first use."""
    default = DefaultExecutor(loop)
    limiter = [AnyioLimiter(loop)] if "anyio._backends._asyncio" in sys.modules else []
    return [*limiter, default], default.executor()
