"""Connections wait in the kernel because the service does not accept them."""

from __future__ import annotations

from ..rule import BACKPRESSURE, Rule
from ..signals import BACKLOG, Signals

_HALF = 0.5  # of the bound


def _holds(signals: Signals) -> bool:
    return signals.kind == BACKLOG or (signals.backlog_share or 0.0) >= _HALF


RULE = Rule(
    id="accept_backlog",
    step=BACKPRESSURE,
    needs=("backlog_share",),
    holds=_holds,
    because=lambda signals: f"the accept backlog was {signals.backlog_share or 0.0:.0%} full",
    figures=("loop_full", "failed_share"),
    doubt="If the loop is blocked, nothing is accepted for that reason: put the loop right first.",
    fix="Accept and refuse quickly in place of not accepting, and let clients keep their connections.",
)
