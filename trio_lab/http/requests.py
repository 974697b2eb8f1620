"""The requests of a server by route: how they were answered, and how long that took.

A request is counted when it has ended. Its duration is from the call of the app, or from when it was held, until the whole
reply was handed over. Routes are labels (`labels`), which are bounded, so a client cannot fill the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from ..measure.histogram import Histogram
from ..records.totals import RouteTotals


class Reply:
    """Passes the messages of one reply on to ``send``, and sees its status; None before there is one. ``label`` is the
    request's, to be set before it ends."""

    __slots__ = ("_send", "label", "status")

    def __init__(self, send: Any) -> None:
        self._send = send
        self.status: int | None = None
        self.label = ""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class _Route:
    __slots__ = ("durations", "left", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.left = 0
        self.durations = Histogram()


class Requests:
    """``active`` requests have begun and not ended."""

    def __init__(self) -> None:
        self._routes: dict[str, _Route] = {}
        self.active = 0

    @contextmanager
    def counted(self, send: Any, *, begun: float | None = None) -> Iterator[Reply]:
        """Count the request that is answered within the block through the `Reply`."""
        began, reply = perf_counter() if begun is None else begun, Reply(send)
        self.active += 1
        try:
            yield reply
        finally:
            self.active -= 1
            self.keep(reply.label, reply.status, perf_counter() - began)

    def keep(self, label: str, status: int | None, seconds: float) -> None:
        """Count a request that has ended. ``status`` None: its client left before there was a reply."""
        if (route := self._routes.get(label)) is None:
            route = self._routes[label] = _Route()
        if status is None:
            route.left += 1
        else:
            route.statuses[status] += 1
        route.durations.record(seconds)

    def durations(self) -> dict[str, Histogram]:
        """How long the requests of each label took."""
        return {label: route.durations for label, route in self._routes.items()}

    def totals(self) -> tuple[RouteTotals, ...]:
        return tuple(_totals(label, route) for label, route in sorted(self._routes.items()))


def _totals(label: str, route: _Route) -> RouteTotals:
    method, _, path = label.partition(" ")
    return RouteTotals(
        method=method,
        route=path,
        statuses={str(status): count for status, count in sorted(route.statuses.items())},
        left=route.left,
        duration=route.durations.buckets(),
    )
