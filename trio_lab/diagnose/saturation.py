"""The saturation load: the highest rate at which a service can answer, estimated from the steps of a ramp.

Rounds are compared, never pieces of one step: what the machine does to a step it does to all of its pieces, so an interval
from within a step is far too narrow. Three things keep the estimate from being too low, all seen in simulation:

- which steps lie above the bend is decided once, from all rounds together. Decided in each round, every step that was slow by
  chance would count as saturated (-5 % with exponential service times);
- only steps that are clearly above the bend count, for just above it the service is idle now and then;
- a step counts until its backlog is served: meanwhile the service is as busy as before.

The interval does not cover changes of the machine's speed that are slower than the ramp is long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from ..records.examination import Step
from .hinge import ceiling
from .mean_interval import mean_interval

_WARM = 0.25  # of a step: until then a service that begins empty may have had nothing to do
_CLEARLY = 1.08  # times the bend
_DECLINE = 0.05  # less than that is noise
# Of the highest rate of a ramp that is not answered. A service that begins empty lags behind at 0.9 of its load too, by a few
# per cent in a short step; the highest rate is meant to be 1.3 times its load, of which it answers 77 %.
_TOO_MUCH = 0.1
# Rounds are some seconds apart, and machines change speed as slowly as that. In simulation (`tests/diagnose/ramps.py`) the
# plain interval covers 85 to 93 %, and that of an onset 84 to 97 %.
SHARED_DRIFT = 1.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """Requests per second. ``interval`` is None for too few rounds. ``decline`` is the share by which replies per second
    fall from the best rate to that at the highest load. ``curve`` has (offered, answered) for each step of a round."""

    load: float
    interval: tuple[float, float] | None
    rounds: int
    decline: float
    curve: tuple[tuple[float, float], ...]

    @property
    def half_width(self) -> float | None:
        """Of the interval, as a share of the load."""
        return None if self.interval is None else (self.interval[1] - self.interval[0]) / 2 / self.load


Busy = tuple[float, float]
"""(replies, seconds in which they came)."""


def saturation(steps: Iterable[Step], *, concurrency: float = 1.0) -> Saturation | None:
    """From the rounds around the ramp's last estimate; None if no step was too much for the service, or none was answered.

    ``concurrency`` is how many requests it serves at a time: fewer in flight do not keep it busy.
    """
    rounds = last_rounds(steps)
    measured = [{nominal: busy(step, concurrency) for nominal, step in one.items()} for one in rounds]
    if not measured:
        return None
    rates = {nominal: step.rate or 0.0 for nominal, step in rounds[-1].items()}
    curve = sorted((rates[nominal], _answered(measured, [nominal])) for nominal in rates)
    bend, best = ceiling(curve), max(answered for _, answered in curve)
    if not best or bend is None or not _too_much(measured, max(rates), curve[-1]):
        return None
    decline = max(0.0, 1 - curve[-1][1] / best)
    if decline > _DECLINE:
        used = [next(nominal for nominal in rates if _answered(measured, [nominal]) == best)]
    else:
        used = [nominal for nominal, rate in rates.items() if rate >= _CLEARLY * bend] or [max(rates)]
    loads = [_answered([one], used) for one in measured]
    return Saturation(
        load=fmean(loads),
        interval=mean_interval(loads, widen=SHARED_DRIFT),
        rounds=len(loads),
        decline=decline if decline > _DECLINE else 0.0,
        curve=tuple(curve),
    )


def _too_much(measured: Sequence[Mapping[float, Busy]], nominal: float, point: tuple[float, float]) -> bool:
    """Whether the highest rate was not answered, by more than chance."""
    rate, answered = point
    rounds = mean_interval([_answered([one], [nominal]) for one in measured])
    return answered < (1 - _TOO_MUCH) * rate and (rounds is None or rounds[1] < rate)


def last_rounds(steps: Iterable[Step]) -> list[dict[float, Step]]:
    """The whole rounds with the rates of the last one, each by the nominal rate. Rounds that other programs disturbed are
    left out while three others remain."""
    rounds: dict[int, dict[float, Step]] = {}
    for step in steps:
        if step.part == "ramp" and step.nominal is not None:
            rounds.setdefault(step.round, {})[step.nominal] = step
    whole = [one for one in rounds.values() if len(one) == max(map(len, rounds.values()))]
    alike = [one for one in whole if _rates(one) == _rates(whole[-1])]
    clean = [one for one in alike if all(step.clean for step in one.values())]
    return clean if len(clean) >= min(3, len(alike)) else alike


def busy(step: Step, concurrency: float = 1.0) -> Busy:
    """How many replies came while the step had its load, or still a backlog of it."""
    due = (step.rate or 0.0) * step.duration
    before = [piece for piece in step.pieces if piece.at < step.duration - 1e-9]
    left = due - sum(piece.ok + piece.failed for piece in before)
    counted = step.window(_WARM * step.duration)
    replies, until = sum(piece.ok for piece in counted), step.duration
    after = step.pieces[len(before) :]
    if left > 2 * concurrency + 2:
        for piece, following in pairwise(after):
            left -= piece.ok + piece.failed
            if left <= concurrency:
                break
            replies, until = replies + piece.ok, following.at
    begun = counted[0].at if counted else 0.0
    return float(replies), max(1e-9, until - begun)


def more_seconds(found: Saturation | None, spent: float, *, wanted: float) -> float:
    """How much longer a ramp that took so many seconds has to go on for an interval of ± ``wanted``; 0 when it need not."""
    if found is None or found.half_width is None:
        return spent
    return max(0.0, spent * ((found.half_width / wanted) ** 2 - 1))


def _answered(measured: Sequence[Mapping[float, Busy]], nominals: Sequence[float]) -> float:
    """Replies per second in these steps, all rounds together."""
    taken = [one[nominal] for one in measured for nominal in nominals]
    return sum(replies for replies, _ in taken) / sum(seconds for _, seconds in taken)


def _rates(one: Mapping[float, Step]) -> list[float]:
    return sorted(round(step.rate or 0.0, 6) for step in one.values())
