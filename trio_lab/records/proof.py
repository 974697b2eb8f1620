"""A change of settings that was tried: the program with it and without, measured in turn, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from .codec import In, Ratio, Seconds
from .diagnosis import Rate

Measure = Literal["throughput", "p50", "beside_p50"]
"""``throughput``: ok replies per second to as many clients as keep the service full. ``p50``: median latency at a fixed rate
that it bears. ``beside_p50``: median latency of the cheap path beside that full service."""

Outcome = Literal["helps", "worse", "no effect", "undecided", "not tried"]
Value = Annotated[float, In(digits=6)]
Pair = tuple[Value, Value]
"""The figure without the change, and with it. Latencies are in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """``variables`` of the environment, and the ``path`` that was asked for, are the change. Without a ``rate`` there were
    so many ``clients``, each with one request at a time. ``looks`` is how often the pairs were to be looked at in all. With
    ``restarted`` the programs took turns at one port, and each piece had a start of its own. ``disturbed`` pairs count
    although other programs used the machine meanwhile. ``stopped`` says why it ended early, or why it never began;
    ``broke``: because the program with the change ended under the load.

    Raises:
        ValueError: a figure is not over 0, or it was not to be looked at.
    """

    variables: dict[str, str]
    path: str | None = None
    measure: Measure
    clients: int
    rate: Rate | None = None
    piece: Seconds
    looks: int = 1
    pairs: tuple[Pair, ...] = ()
    restarted: bool = False
    disturbed: int = 0
    stopped: str | None = None
    broke: bool = False

    def __post_init__(self) -> None:
        if self.looks < 1 or not all(figure > 0 for pair in self.pairs for figure in pair):
            raise ValueError("a trial has figures over 0, and at least one look at them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """``effect`` is the figure with the change ÷ that without, ``interval`` holds the true one with 95 %. ``before`` and
    ``after`` are the medians, per second or in milliseconds. ``says`` is all of it in a sentence."""

    outcome: Outcome
    says: str
    variables: dict[str, str]
    path: str | None
    measure: Measure
    effect: Ratio | None = None
    interval: tuple[Ratio, Ratio] | None = None
    before: Value | None = None
    after: Value | None = None
    pairs: int = 0
