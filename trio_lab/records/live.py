"""A running service seen from beside it: what it writes into the shared memory, and what is made of that.

`LiveFigures` is the one type between the service and all that shows it. The service writes it a few times a second; the side
process reads it, and `/metrics`, the dashboard and `trio-lab watch` are functions of it. So a figure is the same wherever it
is shown. `LiveView` is what the side process sends: the figures with their age, and what it has concluded from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from .codec import MS, In, Milliseconds, Seconds
from .diagnosis import Finding
from .health import Health, Loop
from .summary import Summary
from .totals import Totals

State = Literal["passing", "blocked", "stopped"]

_For = Annotated[float, In(name="for_s", digits=3)]
_File = Annotated[str | None, In(name="file")]
_Line = Annotated[int | None, In(name="line")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFigures:
    """The requests of one route that ended in the last ten to twenty seconds. ``route`` is a method and a template; `Totals`
    has all of them since the service began."""

    route: str
    recent: Annotated[Summary, MS]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentStall:
    """A pass over the budget that ended ``ago`` seconds before the figures were read. What was not seen is None."""

    ago: Seconds
    duration: Milliseconds
    cause: str
    filename: _File = None
    lineno: _Line = None
    function: str | None = None
    task: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """One worker process of a pool: starting, idle, busy, retiring, lost or vacant."""

    pool: str
    pid: int | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """A service at one moment. ``loop_thread`` is the native id of its loop's thread, ``signal`` the one that has it write its
    line (`live.place`), None if there is none. ``totals`` are what `/metrics`
    tells beside the health (`loop.totals.totals_of`).

    ``health.loop`` is the time since the figures before these, ``recent`` the last ten to twenty seconds. ``health.stalls`` has
    all stalls by line and cause, ``last_stalls`` the newest one by one, newest first. A pass over ``budget`` is a stall; the
    service counts as blocked when one has lasted for ``blocked_after``.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = ("totals", "signal")

    service: str
    pid: int
    loop_thread: int
    uptime: Seconds
    budget: Milliseconds
    blocked_after: Seconds
    health: Health
    recent: Loop
    stalls: int
    last_stalls: tuple[RecentStall, ...] = ()
    routes: tuple[RouteFigures, ...] = ()
    workers: tuple[WorkerState, ...] = ()
    totals: Totals | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A pass that goes on, as the watchdog's thread last saw it."""

    lasted: Seconds
    cause: str
    filename: _File = None
    lineno: _Line = None
    function: str | None = None
    task: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """The reply of `/live`: whether the loop passes, and for how long that has been so.

    ``cause`` says why it does not, in the words of the watch ("python", "c call", "not running"), or what is full; ``where`` is
    "file:line in function". ``held_up_by`` is what holds requests up: "loop", "process", or the name of a queue. What is not
    known, or not the case, is None.
    """

    state: State
    for_: _For
    cause: str | None = None
    where: str | None = None
    task: str | None = None
    label: str | None = None
    held_up_by: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status of the reply."""
        return 200 if self.state == "passing" else 503


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVerdict:
    """What the doctor's rules say of the last ``seconds``: ``first_full`` is the queue that holds requests up."""

    seconds: Seconds
    verdict: str
    first_full: str | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenProcess:
    """One process of a service that has several: a `State` if it serves, else starting or ending."""

    number: int
    pid: int | None
    state: Literal["passing", "blocked", "stopped", "starting", "serving", "ending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """What the side process shows: ``age`` is that of the figures, which is great while the loop is blocked. Figures are None
    until the service has written some. ``processes`` are all of a service that has several; the rest is about one of them."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("verdict", "processes")

    state: LiveState
    age: Seconds
    figures: LiveFigures | None = None
    verdict: LiveVerdict | None = None
    processes: tuple[SeenProcess, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """What a run of experiments does, in words: the ``experiment``, ``where`` in it (its round), and the ``load`` of now.
    ``server`` is the address of the side process of the server that is measured; None between two servers, and for servers
    that have none."""

    experiment: str = ""
    where: str = ""
    load: str = ""
    server: str | None = None
