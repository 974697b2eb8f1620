"""Orders seen: a demo is run many times, and every order that came out is kept with its count.

An order that the runtime's documents or its design fix is *promised*, and must come out alone. Where nothing is
promised, one order seen many times would still prove nothing; so the set is shown, however small it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One question about order. ``trial`` runs it once and gives what happened, as words, in the order it happened."""

    name: str
    promised: bool
    why: str
    trial: Callable[[], list[str]]


def observe(runtime: str, demos: Sequence[Demo], trials: int) -> dict[str, Any]:
    """Every demo ``trials`` times: {"runtime", "demos": [{"name", "promised", "orders": [{"order", "count"}], "why"}]}.

    The most frequent order stands first.
    """
    return {"runtime": runtime, "demos": [_observed(demo, trials) for demo in demos]}


def _observed(demo: Demo, trials: int) -> dict[str, Any]:
    seen = Counter(tuple(demo.trial()) for _ in range(trials))
    orders = [{"order": list(order), "count": count} for order, count in seen.most_common()]
    return {"name": demo.name, "promised": demo.promised, "orders": orders, "why": demo.why}


def lines(found: dict[str, Any]) -> Iterable[str]:
    """The same for a person."""
    for demo in found["demos"]:
        yield f"{demo['name']} ({'promised' if demo['promised'] else 'not promised'})"
        for entry in demo["orders"]:
            yield f"  {entry['count']:>4}×  {' → '.join(entry['order'])}"
        yield f"         {demo['why']}"
        yield ""
