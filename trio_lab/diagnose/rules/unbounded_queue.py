"""A queue without a bound, whose callers leave before their turn: it serves those that have gone."""

from __future__ import annotations

from ..rule import BACKPRESSURE, Rule
from ..signals import LIMITER, THREADS, Signals
from ..signals import WORKERS as WORKER_POOLS

_LEFT = 0.05  # of the requests; without any that failed, a decline has another reason


def _holds(signals: Signals) -> bool:
    return not signals.bounded and (signals.failed_share or 0.0) >= _LEFT


def _because(signals: Signals) -> str:
    failed = f"{signals.first} takes any number of callers; {signals.failed_share:.0%} of the requests failed"
    return f"{failed}, and replies fell by {signals.decline:.0%} under too much load" if signals.decline else failed


RULE = Rule(
    id="unbounded_queue",
    step=BACKPRESSURE,
    kinds=(THREADS, WORKER_POOLS, LIMITER),
    needs=("bounded", "failed_share", "decline"),
    holds=_holds,
    because=_because,
    figures=("waiting_full", "saturation"),
    doubt="If no client ever gives up, a long queue is slow and loses nothing.",
    fix="Bound the queue, and refuse at once what would wait longer than a client does.",
)
