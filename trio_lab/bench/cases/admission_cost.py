"""What an admission in front of an app costs each request that it admits at once."""

from __future__ import annotations

from ..added_cost import added_cost
from ..peers.in_front import ADMISSIONS

BENCHMARK = added_cost(
    name="admission-cost",
    order=14,
    question="How much CPU time does an admission add to a request that it admits at once",
    budget=15e-6,
    contestants={f"{loop}, {policy}": (loop, policy) for loop in ("asyncio", "trio") for policy in ADMISSIONS},
)
