"""Calls outwards: what this program waits for, and another one does.

A call outwards has no queue here that could be seen: under too much load ever more of them are under way, and none waits.
Counting them is all it takes to tell a slow neighbour from a slow service.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType

from ..records.queue import QueueStatistics, Undivided
from .announced import announce
from .histogram import Histogram

_gates: dict[str, Outward] = {}
_begun: ContextVar[tuple[tuple[Outward, float], ...]] = ContextVar("trio_lab_outward", default=())
"""The calls under way in this context, and when they began."""


def outward(name: str) -> Outward:
    """The calls to one neighbour: ``async with trio_lab.outward("db"):`` around each of them. It limits nothing.

    ``with`` does as well, also in threads. The queue is called ``outward.db``.

    Raises:
        ValueError: the name is empty.
    """
    if not name:
        raise ValueError("outward() needs the name of what is called, such as outward('db')")
    return _gates.get(name) or _gates.setdefault(name, Outward(name))


class Outward(Undivided, AbstractContextManager["Outward"], AbstractAsyncContextManager["Outward"]):
    """Counts the calls under way, and how long each took. Made by `outward`.

    A call may end in another context than it began in, as when a framework runs both halves of a generator in a copy of the
    context each. Then it is not known how long it took.
    """

    def __init__(self, name: str) -> None:
        self.name = f"outward.{name}"
        self._arrivals = self._ended = 0
        self._service = Histogram()
        announce(self)

    def __enter__(self) -> Outward:
        self._arrivals += 1
        _begun.set((*_begun.get(), (self, perf_counter())))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended += 1
        calls = _begun.get()
        for at, (call, begun) in reversed([*enumerate(calls)]):
            if call is self:
                _begun.set(calls[:at] + calls[at + 1 :])
                self._service.record(perf_counter() - begun)
                return

    async def __aenter__(self) -> Outward:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        arrivals, ended = self._arrivals, self._ended
        return QueueStatistics(
            name=self.name,
            in_service=arrivals - ended,
            waiting=0,
            arrivals=arrivals,
            completions=ended,
            service=self._service.summary(),
            kinds=(),
        )
