"""What the machine did to a round of measurements: how much of it others took, and how fast it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from .codec import In

Share = Annotated[float | None, In(digits=3)]
Disturbance = Literal["none", "some", "much"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """One round. None for what the system does not tell.

    ``others`` is the share of the cores that other programs used, ``stolen`` the share that the host of a virtual machine
    took, ``throttled`` the share of the time in which a CPU quota stood in the way. ``speed`` is how much a fixed loop
    computes in a CPU second, in millions of turns; ``drift`` is by what share it changed from the round's begin to its end.
    """

    others: Share = None
    stolen: Share = None
    throttled: Share = None
    speed: Annotated[float | None, In(digits=2)] = None
    drift: Share = None
    disturbance: Disturbance = "none"
    counted: bool = True
