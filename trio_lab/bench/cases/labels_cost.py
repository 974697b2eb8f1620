"""What labels and ledgers in front of an app cost each request."""

from __future__ import annotations

from ..added_cost import added_cost
from ..peers.in_front import LABELS

BENCHMARK = added_cost(
    name="labels-cost",
    order=15,
    question="How much CPU time do labels and ledgers add to a request",
    budget=10e-6,
    contestants={loop: (loop, LABELS) for loop in ("asyncio", "trio")},
)
