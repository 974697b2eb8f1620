"""What a supervisor decides, as records: what is to be done, and how a process ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """Start a process, and then call `spawned` or `ended`. ``life`` tells it from all others there ever were, ``place`` (0 or
    1) from another one that lives under its ``number``."""

    life: int
    number: int
    place: int


@dataclass(frozen=True, slots=True)
class End:
    """Ask a process to end: as a part of the service, or ``alone``, while others go on."""

    life: int
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    life: int


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Over:
    """No process is left. ``reason`` is the fault that ended the service, None if it was asked to end; ``usage``: the caller
    can correct it."""

    reason: str | None = None
    usage: bool = False


Action = Start | End | Kill | Say | Over


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended: its exit code, negative for a signal, and the error that it told, if it did. ``usage``: the caller
    can correct it."""

    code: int | None
    error: str = ""
    usage: bool = False

    def __str__(self) -> str:
        if self.error:
            return f"has ended: {self.error}"
        if self.code is None:
            return "has ended"
        if self.code >= 0:
            return f"has ended with exit code {self.code}"
        try:
            return f"was killed by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"was killed by signal {-self.code}"
