"""How an examination and a trial go on, on standard error.

On a terminal it is one line that changes, elsewhere a line for each round, or for some pairs.
"""

from __future__ import annotations

import time

from ..diagnose.proof import effect_of
from ..doctor.ramp import Plan
from ..records.proof import Trial
from .console import say
from .status import StatusLine

_PAIRS = 8  # for which there is one line, where lines stay


class Progress(StatusLine):
    """A context for the time of an examination that takes about so many ``seconds``."""

    def __init__(self, seconds: float, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._ends = time.monotonic() + seconds
        self._quiet = quiet
        self._said = ""

    def step(self, plan: Plan) -> None:
        """What is measured next."""
        if plan.part == "hold":
            self._ends = time.monotonic() + plan.duration
        part = f"round {plan.round + 1}" if plan.part == "ramp" else plan.part
        self._show(part, _load(plan), self._ends - time.monotonic())

    def pair(self, trial: Trial, left: float) -> None:
        """Another pair is measured."""
        found, count = effect_of(trial), len(trial.pairs)
        if self._status is not None or count % _PAIRS == 0:
            so_far = f"{found.ratio:.3g} × so far" if found else ""
            self._show(f"{count} pairs: {so_far}" if count else "warm", "", left)

    def _show(self, part: str, load: str, left: float) -> None:
        seconds = f"at most {max(0.0, left):.0f} s left"
        if self._status is not None:
            self._status.update(f"{part}: {load}, {seconds}" if load else f"{part}, {seconds}")
        elif not self._quiet and part != self._said:
            say(f"{part}, {seconds}")
        self._said = part


def _load(plan: Plan) -> str:
    if plan.clients:
        return f"{plan.clients} clients"
    return "no load" if plan.rate is None else f"{plan.rate:.4g} requests a second"
