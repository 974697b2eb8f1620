"""Compared figures as a run on several runtimes writes them, from their values round by round."""

from __future__ import annotations

from statistics import median
from typing import Any

Rounds = tuple[float, ...]


def spread(values: Rounds) -> dict[str, float | None]:
    """Over the rounds of one runtime; without a value: not measured."""
    if not values:
        return {"median": None, "min": None, "max": None}
    return {"median": median(values), "min": min(values), "max": max(values)}


def figure(trio: Rounds, asyncio: Rounds, node: Rounds = (), *, better: str = "lower") -> dict[str, Any]:
    """One figure on three runtimes; a round in which Trio's is zero has no ratio."""
    theirs = {"asyncio": asyncio, "node": node}
    ratios = {name: tuple(a / b for a, b in zip(values, trio, strict=False) if b) for name, values in theirs.items()}
    return {
        "figure": "health_p99_ms",
        "label": "/health p99 beside the load",
        "unit": "ms",
        "better": better,
        "values": {name: spread(values) for name, values in {"trio": trio, **theirs}.items()},
        "ratios": {name: spread(values) for name, values in ratios.items()},
    }
