"""The parts of a run: its URLs and its stages, each with a tally of its own beside that of the whole run.

A request belongs to one URL and to one stage. Every end of it is counted once in each of their tallies, by the same code,
so the parts add up to the whole. A run with one URL and one rate has no parts, and pays nothing for them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, cycle

from trio_lab.load.tally import Tally
from trio_lab.records.load import Latencies, Part


def in_turn(weights: Sequence[int]) -> Iterator[int]:
    """Indices for ever, each as often as its weight says and as evenly spread as possible ("smooth weighted round-robin",
    as nginx chooses backends): after a whole turn each came exactly as often as its weight."""
    divisor = math.gcd(*weights)
    return cycle(_turn([weight // divisor for weight in weights]))


def _turn(shares: Sequence[int]) -> Iterator[int]:
    total, credit = sum(shares), [0] * len(shares)
    for _ in range(total):
        credit = [have + share for have, share in zip(credit, shares, strict=True)]
        index = max(range(len(shares)), key=credit.__getitem__)
        credit[index] -= total
        yield index


def stage_name(stage: tuple[float, float]) -> str:
    """Seconds and requests per second, as on the command line."""
    return f"{stage[0]:g}s@{stage[1]:g}"


class Kind:
    """Requests of one URL in one stage: what is sent, and where it is counted. Has the counting methods of a tally."""

    __slots__ = ("_tallies", "request", "url")

    def __init__(self, url: int, request: bytes, tallies: Sequence[Tally]) -> None:
        self.url, self.request = url, request  # which of the URLs, and its bytes
        self._tallies = tuple(tallies)

    def send(self) -> None:
        for tally in self._tallies:
            tally.sent += 1

    def reply(self, status: int, intended: float, sent_at: float, now: float) -> None:
        for tally in self._tallies:
            tally.reply(status, intended, sent_at, now)

    def error(self, kind: str, now: float) -> None:
        for tally in self._tallies:
            tally.error(kind, now)

    def time_out(self, intended: float, sent_at: float, now: float) -> None:
        for tally in self._tallies:
            tally.time_out(intended, sent_at, now)

    def drop(self, intended: float, now: float) -> None:
        for tally in self._tallies:
            tally.drop(intended, now)

    def take_back(self, intended: float, sent_at: float, now: float) -> None:
        for tally in self._tallies:
            tally.take_back(intended, sent_at, now)


class Parts:
    """Chooses the URL of each request, and knows its stage by its intended start.

    ``requests`` are the bytes, one for each URL; ``steps`` the (seconds, rate) of an open workload, if it has several.
    """

    def __init__(
        self,
        *,
        requests: Sequence[bytes],
        weights: Sequence[int],
        steps: Sequence[tuple[float, float]],
        whole: Tally,
    ) -> None:
        def tallies(count: int) -> list[Tally]:
            return [
                Tally(start=whole.start, end=whole.end, interval=math.inf, keep_samples=False) for _ in range(count)
            ]

        self._urls = tallies(len(requests)) if len(requests) > 1 else []
        self._stages = tallies(len(steps)) if len(steps) > 1 else []
        self._begins = [*accumulate((seconds for seconds, _ in steps[:-1]), initial=whole.start)]
        self._turn = in_turn(weights)
        self._kinds = [
            [
                Kind(i, request, [whole, *self._urls[i : i + 1], *self._stages[j : j + 1]])
                for i, request in enumerate(requests)
            ]
            for j in range(max(1, len(self._stages)))
        ]

    def next(self, intended: float) -> Kind:
        """The kind of the next request."""
        return self._kinds[self._stage(intended)][next(self._turn)]

    def again(self, kind: Kind, intended: float) -> Kind:
        """The kind of a request that is sent once more: the same URL, in the stage of its new intended start."""
        return self._kinds[self._stage(intended)][kind.url]

    def _stage(self, intended: float) -> int:
        return bisect_right(self._begins, intended) - 1 if self._stages else 0

    def of_urls(self, names: Sequence[str]) -> tuple[Part, ...] | None:
        """What came of the requests of each URL, or None if there was one."""
        return _parts(names, self._urls)

    def of_stages(self, names: Sequence[str]) -> tuple[Part, ...] | None:
        """What came of the requests that were meant to start in each stage, or None if there was one."""
        return _parts(names, self._stages)


def _parts(names: Sequence[str], tallies: Sequence[Tally]) -> tuple[Part, ...] | None:
    return tuple(_part(name, tally) for name, tally in zip(names, tallies, strict=True)) if tallies else None


def _part(name: str, tally: Tally) -> Part:
    tally.finish()
    latency, _ = tally.with_unanswered()
    return Part(name=name, requests=tally.counts(), latency=Latencies.of(latency.summary()), status=tally.statuses())
