"""Connections wait in the kernel because the service does not accept them."""

from __future__ import annotations

from ..rule import BACKPRESSURE, Rule
from ..signals import BACKLOG, Signals

_HALF = 0.5  # of the bound


def _holds(signals: Signals) -> bool:
    return signals.kind == BACKLOG or (signals.backlog_share or 0.0) >= _HALF


def _because(signals: Signals) -> str:
    if (share := signals.backlog_share or 0.0) >= _HALF:
        return f"the accept backlog was {share:.0%} full"
    return "ever more connections waited in the accept backlog"


RULE = Rule(
    id="accept_backlog",
    step=BACKPRESSURE,
    needs=("backlog_share",),
    holds=_holds,
    because=_because,
    figures=("loop_full", "failed_share"),
    doubt="If the loop is blocked, nothing is accepted for that reason: put the loop right first.",
    fix="Accept and refuse quickly in place of not accepting, and let clients keep their connections.",
)
