"""A service that is watched: a look at it several times a second, kept for a while, and what the looks say together.

Where the looks come from is a `Source`: a lab's server, or a program that was started to be watched. While the service does not
answer, `Watching.now` goes on to tell for how long.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import msgspec
import trio

from ..diagnose.rows import KEPT, WINDOW, watched
from ..errors import UsageError, in_a_line
from ..live.figures import recent_stall
from ..load.client import fetch
from ..load.target import Target
from ..records.codec import decode
from ..records.examination import Sighting
from ..records.health import Health
from ..records.live import LiveState, LiveView, RecentStall
from ..records.watching import Watched
from .attached import Attached

PERIOD = 0.25
"""Seconds between two looks."""
STALLS = 5
"""The last stalls that are shown."""

_LIMIT = 60.0  # seconds for one look: a loop that is blocked answers late
_FIRST = 2.0  # seconds that the first look may take
_SAME = 0.02  # seconds by which the age of the same figures may differ from look to look
_SILENT = 0.75  # seconds after which a service that has not answered is said to be silent
_STALLS_PERIOD = 1.0  # seconds: the list costs the service more than all its other figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a service told of itself. ``health`` is None if it told nothing yet, and ``age`` seconds old."""

    health: Health | None = None
    age: float = 0.0
    stalls: tuple[RecentStall, ...] = ()
    state: LiveState | None = None
    notes: tuple[str, ...] = ()


class Source(Protocol):
    async def look(self) -> Look:
        """The service now. Raises `OSError` or `trio.TooSlowError` when it does not answer."""


class ServerSource:
    """A server with trio_lab's `/health`, whose windows are left as they are. ``url`` is where, without a path."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stalls: tuple[RecentStall, ...] = ()
        self._tells_stalls = True
        self._asked = -_STALLS_PERIOD

    async def look(self) -> Look:
        reply = await fetch(f"{self._url}/health?reset=0", timeout=_LIMIT)
        health = decode(Health, reply.body)
        if health.partial:
            raise UsageError(f"{health.partial}: start it with --live, and watch the address that it then says")
        if self._tells_stalls and (now := perf_counter()) - self._asked >= _STALLS_PERIOD:
            self._asked = now
            await self._ask_for_stalls()
        return Look(health=health, stalls=self._stalls)

    async def _ask_for_stalls(self) -> None:
        """A server that has none to tell says so for good; one that is busy may tell them the next time."""
        reply = await fetch(f"{self._url}/stalls", timeout=_LIMIT)
        self._tells_stalls = reply.status != 404
        if reply.status == 200:
            self._stalls = tuple(map(_stall, json.loads(reply.body)["last"][:STALLS]))


def _stall(told: dict[str, Any]) -> RecentStall:
    return RecentStall(
        ago=told["ago_ms"] / 1e3,
        duration=told["duration_ms"] / 1e3,
        cause=told["cause"],
        filename=told["file"],
        lineno=told["line"],
        function=told["function"],
        task=told["task"],
        label=told["label"],
    )


class ProgramSource:
    """A program that was started to be watched. Each look begins a window of its loop."""

    def __init__(self, program: Attached) -> None:
        self._program = program
        self._began = perf_counter()

    async def look(self) -> Look:
        health = await self._program.sample()
        now = perf_counter()
        stalls = self._program.stalls()[: -STALLS - 1 : -1]
        return Look(
            health=health,
            stalls=tuple(recent_stall(stall, now) for stall in stalls),
            notes=self._program.blind_to if health is None and now - self._began > _FIRST else (),
        )


class SideSource:
    """The side process of a service. It answers also when the service does not."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def look(self) -> Look:
        view = decode(LiveView, (await fetch(f"{self._url}/view", timeout=_LIMIT)).body)
        figures = view.figures
        if figures is None:
            return Look(state=view.state)
        return Look(health=figures.health, age=view.age, stalls=figures.last_stalls[:STALLS], state=view.state)


async def source_at(url: str) -> Source:
    """The source at a URL, whatever its path.

    Raises:
        UsageError: nothing answers there, or nothing that can be watched; the text is one line.
    """
    target = Target.parse(url)
    base = f"{'https' if target.secure else 'http'}://{target.authority}"
    try:
        source: Source = SideSource(base) if await _is_beside(base) else ServerSource(base)
        with trio.move_on_after(_FIRST):  # what does not answer may be blocked, and is worth watching
            await source.look()
    except OSError as error:
        raise UsageError(f"nothing answers at {base}: {error.strerror or error}") from None
    except (msgspec.DecodeError, ValueError):
        raise UsageError(f"{base} cannot be watched: it has no /health of trio_lab") from None
    return source


async def _is_beside(base: str) -> bool:
    """Whether this is a side process."""
    try:
        decode(LiveState, (await fetch(f"{base}/live", timeout=_FIRST)).body)
    except (msgspec.DecodeError, trio.TooSlowError):
        return False
    return True


class Watching:
    """The looks so far. ``clock`` is in seconds."""

    def __init__(self, source: Source, clock: Callable[[], float] = perf_counter) -> None:
        self._source, self._clock = source, clock
        self._began = clock()
        self._seen: deque[Sighting] = deque()
        self._last = Look()
        self._answered = 0.0
        self._fault: str | None = None

    async def run(self) -> None:
        """Look again and again."""
        while True:
            begun = trio.current_time()
            try:
                self._keep(await self._source.look())
                self._fault = None
            except (OSError, trio.TooSlowError, msgspec.DecodeError) as error:
                self._fault = in_a_line(error)
            await trio.sleep_until(begun + PERIOD)

    def _keep(self, look: Look) -> None:
        self._last, self._answered = look, self._clock() - self._began
        at = self._answered - look.age
        if look.health is not None and (not self._seen or at > self._seen[-1].at + _SAME):
            self._seen.append(Sighting(at=at, health=look.health))
        while self._seen and self._seen[0].at < at - KEPT:
            self._seen.popleft()

    def now(self) -> Watched:
        """The service now. It is stuck if it has been asked and does not answer; if it cannot be asked, the reason is told."""
        last, since = self._last, self._clock() - self._began - self._answered
        silent = since + last.age
        return watched(
            self._seen,
            silent=silent if silent >= _SILENT else 0.0,
            stuck=self._fault is None and silent >= WINDOW,
            stalls=_aged(last.stalls, since),
            state=last.state,
            notes=last.notes if self._fault is None else (*last.notes, self._fault),
        )


def _aged(stalls: Iterable[RecentStall], seconds: float) -> Iterable[RecentStall]:
    return [replace(stall, ago=stall.ago + seconds) for stall in stalls]
