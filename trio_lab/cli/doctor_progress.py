"""How an examination goes on, on standard error: on a terminal one line that changes, elsewhere a line for each round."""

from __future__ import annotations

import time
from types import TracebackType

from rich.status import Status

from ..doctor.ramp import Plan
from .console import errors, say


class Progress:
    """A context for the time of an examination that takes about so many ``seconds``."""

    def __init__(self, seconds: float, *, quiet: bool) -> None:
        self._ends = time.monotonic() + seconds
        self._quiet = quiet
        self._status = Status("", console=errors) if errors.is_terminal and not quiet else None
        self._said = ""

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def step(self, plan: Plan) -> None:
        """What is measured next."""
        left = max(0.0, self._ends - time.monotonic())
        part = f"round {plan.round + 1}" if plan.part == "ramp" else plan.part
        if self._status is not None:
            self._status.update(f"{part}: {_load(plan)}, at most {left:.0f} s left")
        elif not self._quiet and part != self._said:
            say(f"{part}, at most {left:.0f} s left")
        self._said = part


def _load(plan: Plan) -> str:
    if plan.clients:
        return f"{plan.clients} clients"
    return "no load" if plan.rate is None else f"{plan.rate:.4g} requests a second"
