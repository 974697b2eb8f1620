"""What the doctor saw of a service: the steps of its ramp, each from outside and, where there is a view, from inside.

It is all that a diagnosis is made from, so a saved examination can be diagnosed again, and by a later version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from .codec import In, Milliseconds, Ratio, Seconds
from .health import Health
from .load import Rate
from .proof import Trial
from .slo import Estimate

SCHEMA = "trio-lab-examination-1"

Part = Literal["rest", "ladder", "calm", "ramp", "hold", "load"]
"""Of a doctor's ramp, and then of the load that is held for objectives; "load" is one of an experiment."""
At = Annotated[float, In(digits=4)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The service at a moment, in seconds since the step began."""

    at: At
    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What ended in a piece of a step that began at ``at``: replies as wanted, and requests that had none."""

    at: At
    ok: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A load held for a while.

    ``rate`` is that of an open step; a closed one has as many ``clients`` at all times. ``nominal`` is its rate as a
    share of the estimate. ``p50`` is the median time from the intended start to the reply, ``probe`` that of a cheap URL
    beside it. ``bottleneck`` says why the figures may be the load generator's own. ``free_cores`` were idle meanwhile on
    the service's machine, ``stolen`` ones were taken by its host; None if that is another machine. ``clean`` is false if
    other programs took the CPU meanwhile.
    """

    part: Part
    round: int = 0
    nominal: float | None = None
    rate: Rate | None = None
    clients: int = 0
    duration: Seconds
    pieces: tuple[Piece, ...] = ()
    p50: Milliseconds | None = None
    service: Milliseconds | None = None
    probe: Milliseconds | None = None
    status: dict[str, int] | None = None
    bottleneck: str | None = None
    clean: bool = True
    free_cores: Ratio | None = None
    stolen: Ratio | None = None
    sightings: tuple[Sighting, ...] = ()

    def window(self, warm: float) -> list[Piece]:
        """The pieces that begin within the step and not in its first ``warm`` seconds."""
        return [piece for piece in self.pieces if warm - 1e-9 <= piece.at < self.duration - 1e-9]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that was started to be examined. ``exit_code`` is its own, after it was asked to stop, negative for a signal;
    ``killed`` is how many of its processes had not ended by then."""

    command: tuple[str, ...]
    exit_code: int | None
    killed: int | None


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A service under a ramp. ``target`` is the load that it has to bear, if that is known; ``budget`` how long the
    ramp was allowed to take. ``stopped`` says why it ended early, ``blind`` what of it could not be seen inside. ``held`` is
    the rate at which the ``figures`` for its objectives were measured, ``trial`` a change that was tried afterwards."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("stopped", "program", "held", "figures", "trial")

    schema: str = SCHEMA
    url: str
    probe: str
    target: Rate | None = None
    budget: Seconds
    steps: tuple[Step, ...] = ()
    stopped: str | None = None
    blind: tuple[str, ...] = ()
    program: Program | None = None
    held: Rate | None = None
    figures: tuple[Estimate, ...] | None = None
    trial: Trial | None = None

    @property
    def path(self) -> str:
        """What was asked for."""
        return _path(self.url)

    @property
    def beside(self) -> str:
        """The cheap path that was asked for beside it."""
        return _path(self.probe)

    def of(self, part: Part) -> Iterator[Step]:
        return (step for step in self.steps if step.part == part)
