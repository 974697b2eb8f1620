"""Which load comes next: decided from the steps so far, without a clock.

1. **rest**: no load, to know what the service does by itself.
2. **ladder**: closed, 1, 2, 4 … clients until the rate of replies no longer rises. It finds the load roughly, and the time of
   one request alone.
3. **calm**: about a third of that load. Causes in the loop are judged here.
4. **ramp**: rounds of open steps around the estimate, with evenly spaced arrivals, each served to its end before the next
   begins. The interval is made from the rounds. If the highest step of a round is answered, or its lowest is not, the estimate
   was wrong: it is corrected, and the rounds start again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..diagnose.diagnosis import WANTED
from ..diagnose.hinge import ceiling
from ..diagnose.mean_interval import LEAST
from ..diagnose.saturation import busy, last_rounds, saturation
from ..records.examination import Part, Step

NOMINAL = (0.85, 1.0, 1.15, 1.3)
_CALM = 0.35
_REST = 0.6  # seconds
_RUNG, _LONGEST_RUNG = 0.6, 2.0  # seconds
_REQUESTS_PER_RUNG = 8  # of each client
_RISES = 1.08  # times the best: less is noise
_LADDER_SHARE = 0.25  # of the time: rounds need the rest
_LEAST_RUNGS, _MOST_CLIENTS = 3, 512
_ANSWERED = 0.9  # of a rate: a step that answers less has too much
_RAISE = 1.35
_MOST_CORRECTIONS = 6
_REPLIES_PER_STEP = 20  # fewer say little; the longest step bounds what a slow service may take
_LONGEST_STEP = 4.0  # seconds
_DRAIN = 0.15  # of a round, which comes on top


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Seconds for the whole ramp, for one step of a round, for the calm step, and for the load at which objectives are judged,
    which comes on top."""

    seconds: float
    step: float
    calm: float
    hold: float = 6.0

    @classmethod
    def of(cls, *, quick: bool) -> Budget:
        return cls(seconds=28.0, step=0.8, calm=1.5) if quick else cls(seconds=56.0, step=1.4, calm=2.5, hold=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The next step: an open one with a ``rate``, or a closed one with so many ``clients``; neither of them at rest."""

    part: Part
    duration: float
    round: int = 0
    nominal: float | None = None
    rate: float | None = None
    clients: int = 0


def next_step(steps: Sequence[Step], budget: Budget, spent: float) -> Plan | None:
    """The step after these, which took ``spent`` seconds including pauses and drains; None when the ramp is over."""
    if not steps:
        return Plan(part="rest", duration=_REST)
    ladder = [step for step in steps if step.part == "ladder"]
    if (clients := _next_rung(ladder, budget.seconds * _LADDER_SHARE)) is not None:
        return Plan(part="ladder", clients=clients, duration=_rung(ladder))
    found = max(map(replies, ladder))
    if found <= 0:
        return None
    if not any(step.part == "calm" for step in steps):
        return Plan(part="calm", rate=_CALM * found, duration=max(budget.calm, min(_LONGEST_STEP, 8 / found)))
    return _next_in_rounds([step for step in steps if step.part == "ramp"], found, budget, spent)


def replies(step: Step) -> float:
    """Replies per second that ended within the step."""
    return sum(piece.ok for piece in step.window(0.0)) / step.duration


def _next_rung(ladder: Sequence[Step], limit: float) -> int | None:
    """How many clients come next; None when more bring no more, the ladder took ``limit`` seconds, or none is answered."""
    if not ladder:
        return 1
    if not any(piece.ok for piece in ladder[0].pieces) or ladder[-1].clients >= _MOST_CLIENTS:
        return None
    if len(ladder) >= _LEAST_RUNGS and sum(step.duration for step in ladder) >= limit:
        return None
    if len(ladder) > _LEAST_RUNGS:
        best = max(map(replies, ladder[:-1]))
        if replies(ladder[-1]) < _RISES * best:
            return None
    return ladder[-1].clients * 2


def _rung(ladder: Sequence[Step]) -> float:
    """Seconds of the next rung: long enough for each client to ask several times."""
    slowest = max((step.p50 or 0.0 for step in ladder), default=0.0)
    return min(_LONGEST_RUNG, max(_RUNG, _REQUESTS_PER_RUNG * slowest))


def _next_in_rounds(ramp: Sequence[Step], found: float, budget: Budget, spent: float) -> Plan | None:
    number, done = _round(ramp)
    estimate = found if not ramp else (ramp[-1].rate or 0.0) / (ramp[-1].nominal or 1.0)
    if ramp and done == len(NOMINAL):
        number, done = number + 1, 0
        corrected = _corrected(ramp, estimate, found)
        corrections = len({round(step.rate or 0.0, 6) for step in ramp if step.nominal == NOMINAL[0]}) - 1
        if corrected is not None and corrections >= _MOST_CORRECTIONS:
            return None
        estimate = corrected or estimate
        if corrected is None and _enough(ramp):
            return None
    duration = min(_LONGEST_STEP, max(budget.step, _REPLIES_PER_STEP / estimate))
    left = len(NOMINAL) - done
    if done == 0 and spent + left * duration * (1 + _DRAIN) > budget.seconds:
        return None
    nominal = NOMINAL[done]
    return Plan(part="ramp", round=number, nominal=nominal, rate=nominal * estimate, duration=duration)


def _round(ramp: Sequence[Step]) -> tuple[int, int]:
    """The number of the last round, and how many of its steps are done."""
    number = max((step.round for step in ramp), default=0)
    return number, sum(step.round == number for step in ramp)


def _corrected(ramp: Iterable[Step], estimate: float, found: float) -> float | None:
    """A better estimate, if the rounds at this one show that it is wrong; else None. The ladder ``found`` one.

    A single round that other programs disturbed can only show that the estimate is too low. An estimate that is lowered by
    mistake is raised again step by step, and that takes the rounds that the interval needs.
    """
    rounds = last_rounds(ramp)
    curve = [(nominal * estimate, _mean_answered([one[nominal] for one in rounds])) for nominal in sorted(rounds[-1])]
    highest, lowest = curve[-1], curve[0]
    if highest[1] > _ANSWERED * highest[0]:
        return max(estimate * _RAISE, found)
    if len(rounds) == 1 and not all(step.clean for step in rounds[0].values()):
        return None
    if lowest[1] < _ANSWERED * lowest[0] and (lower := ceiling(curve)):
        return min(lower, estimate * NOMINAL[0])
    return None


def _mean_answered(steps: Sequence[Step]) -> float:
    counted = [busy(step) for step in steps]
    return sum(count for count, _ in counted) / math.fsum(seconds for _, seconds in counted)


def _enough(ramp: Sequence[Step]) -> bool:
    """Whether the interval is at most half as wide as wanted, and there are enough rounds for the intervals of the queues."""
    found = saturation(ramp)
    return (
        found is not None
        and found.half_width is not None
        and found.rounds > LEAST + 1
        and found.half_width < WANTED / 2
    )
