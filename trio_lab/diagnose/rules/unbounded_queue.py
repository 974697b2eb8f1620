"""A queue without a bound, whose callers leave before their turn: it serves those that have gone."""

from __future__ import annotations

from ..rule import BACKPRESSURE, Rule
from ..signals import LIMITER, THREADS, Signals
from ..signals import WORKERS as WORKER_POOLS

_LEFT = 0.05  # of the requests; without any that failed, a decline has another reason


def _holds(signals: Signals) -> bool:
    return not signals.bounded and (signals.failed_share or 0.0) >= _LEFT


RULE = Rule(
    id="unbounded_queue",
    step=BACKPRESSURE,
    kinds=(THREADS, WORKER_POOLS, LIMITER),
    needs=("bounded", "failed_share", "decline"),
    holds=_holds,
    because=lambda signals: (
        f"{signals.first} takes any number of callers; {signals.failed_share:.0%} of the requests failed, and replies fell by "
        f"{signals.decline:.0%} under too much load"
    ),
    figures=("waiting_full", "saturation"),
    doubt="If no client ever gives up, a long queue is slow and loses nothing.",
    fix="Bound the queue, and refuse at once what would wait longer than a client does.",
)
