"""Counting during the run: the totals, the open row of the series, and what ended inside the duration.

Of a reply that was sent at its intended moment (every one of a closed workload that found its connection open) latency
and service time are the same number, recorded once: these are the busiest lines of the generator.

A request without a reply is the slowest of all, so leaving it out would make a slow server look quick. It is kept with the
time that it had waited. Replies other than 2xx are also kept by their status: a 404 or a 503 comes sooner than the answer.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from trio_lab.load.slices import Slices
from trio_lab.measure.histogram import Histogram
from trio_lab.records.load import Counts, Row

_MOST_SAMPLES = 200_000


class Samples:
    """Pairs of numbers, every one until there are too many, then every second, every fourth, …: evenly over the run."""

    __slots__ = ("_seen", "_stride", "pairs")

    def __init__(self) -> None:
        self.pairs: list[tuple[float, float]] = []
        self._stride = 1
        self._seen = 0

    def add(self, at: float, latency: float) -> None:
        if self._seen % self._stride == 0:
            self.pairs.append((at, latency))
            if len(self.pairs) >= _MOST_SAMPLES:
                del self.pairs[1::2]
                self._stride *= 2
        self._seen += 1


class Tally:
    """All times are of one clock; ``start`` and ``end`` bound the run."""

    # 30 attributes are too many for the dict whose keys instances share. Without slots each look at one was slower: in all
    # 2 200 more instructions for a request than the 15 800 that it takes here.
    __slots__ = (
        "_before",
        "_interval",
        "_late",
        "_late_service",
        "_punctual",
        "_redirected",
        "_redirected_service",
        "_row",
        "_row_unanswered",
        "_unanswered_service",
        "bad_status",
        "boundary",
        "dropped",
        "end",
        "error_kinds",
        "errors",
        "inside",
        "latency",
        "others",
        "rows",
        "samples",
        "sent",
        "service",
        "shed",
        "slices",
        "start",
        "status",
        "succeeded",
        "timed_out",
        "unanswered",
    )

    def __init__(self, *, start: float, end: float, interval: float, keep_samples: bool) -> None:
        self.start, self.end = start, end
        self.sent = self.timed_out = self.errors = self.bad_status = self.dropped = 0
        self.status: defaultdict[int, int] = defaultdict(int)
        self.error_kinds: Counter[str] = Counter()
        self.latency, self.service = Histogram(), Histogram()  # of the closed rows
        self.succeeded = Histogram()  # of 2xx alone: `latency` and `service` are of 3xx as well
        self.shed = Histogram()
        self.others: defaultdict[int, Histogram] = defaultdict(Histogram)  # replies other than 2xx, by their status
        self.unanswered, self._unanswered_service = Histogram(), Histogram()
        self.rows: list[Row] = []
        self.slices = Slices()  # with what is unanswered
        self.samples = Samples() if keep_samples else None
        self.inside: Counts | None = None  # the counts at the end of the duration
        self._interval = interval
        self._new_row()
        self._row, self._before = start, Counts()  # when the open row began, and the totals as they were then
        self.boundary = self._edge_after(start)

    def _new_row(self) -> None:
        self._punctual, self._late, self._late_service = Histogram(), Histogram(), Histogram()  # 2xx of the open row
        self._redirected, self._redirected_service = Histogram(), Histogram()  # 3xx of the open row
        self._row_unanswered = Histogram()

    def send(self) -> None:
        self.sent += 1

    def reply(self, status: int, intended: float, sent_at: float, now: float) -> None:
        """A whole reply came within its patience."""
        if now >= self.boundary:
            self.advance(now)
        self.status[status] += 1
        latency = now - intended
        if 200 <= status < 300:
            if sent_at == intended:
                self._punctual.record(latency)
            else:
                self._late.record(latency)
                self._late_service.record(now - sent_at)
        else:
            self._other_reply(status, latency, now - sent_at, now)
        if self.samples is not None:
            self.samples.add(now - self.start, latency)

    def _other_reply(self, status: int, latency: float, service: float, now: float) -> None:
        self.others[status].record(latency)
        if 300 <= status < 400:
            self._redirected.record(latency)
            self._redirected_service.record(service)
        elif status in (503, 429):
            self.shed.record(latency)
        else:
            self.bad_status += 1
            self.error(f"status {status}", now)

    def error(self, kind: str, now: float) -> None:
        if now >= self.boundary:
            self.advance(now)
        self.errors += 1
        self.error_kinds[kind] += 1

    def time_out(self, intended: float, sent_at: float, now: float) -> None:
        if now >= self.boundary:
            self.advance(now)
        self.timed_out += 1
        self.leave_unanswered(intended, sent_at, now)

    def drop(self, intended: float, now: float) -> None:
        """A request that was due was never sent."""
        self.dropped += 1
        self.leave_unanswered(intended, math.inf, now)

    def take_back(self, intended: float, sent_at: float, now: float) -> None:
        """A request in flight is given up by the generator: how it would have ended is not known."""
        self.sent -= 1
        self.leave_unanswered(intended, sent_at, now)

    def leave_unanswered(self, intended: float, sent_at: float, now: float) -> None:
        """A request ended without a reply, so its latency is at least what it waited. ``sent_at`` is infinite if it was
        not sent."""
        self.unanswered.record(now - intended)
        self._row_unanswered.record(now - intended)
        if sent_at <= now:
            self._unanswered_service.record(now - sent_at)
        if self.samples is not None:
            self.samples.add(now - self.start, now - intended)

    @property
    def ok(self) -> int:
        return self.latency.count + self._punctual.count + self._late.count + self._redirected.count

    @property
    def in_flight(self) -> int:
        return self.sent - self.ok - self.shed.count - self.timed_out - self.errors

    def counts(self) -> Counts:
        ok, shed = self.ok, self.shed.count
        return Counts(
            sent=self.sent,
            completed=ok + shed + self.bad_status,
            ok=ok,
            shed=shed,
            timed_out=self.timed_out,
            errors=self.errors,
            dropped=self.dropped,
        )

    def advance(self, now: float) -> None:
        """Close every row that ended by ``now``."""
        while now >= self.boundary:
            edge = self.boundary
            self._close_row(edge)
            if edge >= self.end and self.inside is None:
                self.inside = self.counts()
            self.boundary = self._edge_after(edge)

    def stop(self, now: float) -> None:
        """End the duration now, if it has not ended."""
        if self.inside is None:
            self.end = self.boundary = now
            self.advance(now)

    def finish(self) -> tuple[Row, ...]:
        """Close the open row and return all of them; after the end of the run only those in which something ended."""
        self._close_row(self._row)
        rows = self.rows
        while rows and rows[-1].start >= self.end - self.start and not _anything(rows[-1]):
            rows.pop()
        return tuple(rows)

    def with_unanswered(self) -> tuple[Histogram, Histogram]:
        """Latency and service of the ok replies, and at least how long they were for the requests without a reply."""
        latency, service = self.latency.copy(), self.service.copy()
        latency.merge(self.unanswered)
        service.merge(self._unanswered_service)
        return latency, service

    def statuses(self) -> dict[str, int]:
        return {str(code): count for code, count in sorted(self.status.items())}

    def by_status(self) -> dict[str, Histogram]:
        """The latencies of the replies by their status; all that succeeded are one entry, "2xx". After `finish`."""
        found = {"2xx": self.succeeded} if self.succeeded.count else {}
        return found | {str(status): latency for status, latency in sorted(self.others.items())}

    def _edge_after(self, edge: float) -> float:
        following = edge + self._interval
        # The end is an edge as well. Rounding must not leave a tiny row before it.
        if edge < self.end <= following + self._interval * 1e-6:
            return self.end
        return following

    def _close_row(self, edge: float) -> None:
        window, before, now = self._punctual, self._before, self.counts()
        for service in (self._punctual, self._late_service, self._redirected_service):
            self.service.merge(service)
        window.merge(self._late)
        self.succeeded.merge(window)
        window.merge(self._redirected)
        self.latency.merge(window)
        self.slices.add(window, self._row_unanswered)
        self._new_row()
        self.rows.append(
            Row(
                start=self._row - self.start,
                ok=window.count,
                shed=now.shed - before.shed,
                timed_out=now.timed_out - before.timed_out,
                errors=now.errors - before.errors,
                p50=window.quantile(0.5) if window.count else None,
                max=window.max if window.count else None,
            )
        )
        self._row, self._before = edge, now


def _anything(row: Row) -> bool:
    return bool(row.ok or row.shed or row.timed_out or row.errors)
