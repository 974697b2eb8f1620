"""What a benchmark is: a question, the peers it needs, ratios that have to be reached, and the way to them.

Benchmarks are data, as experiments are; goals are stated before anything runs. A goal whose peer is missing is open, and
so is the benchmark then: what was not measured is not judged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..diagnose.judge import passes
from ..diagnose.ratios import Spread
from .found import Peer
from .stand import Stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The median of the ratio of this name stands in ``relation`` to ``bound``."""

    ratio: str
    relation: str
    bound: float

    def against(self, spreads: Mapping[str, Spread]) -> dict[str, Any]:
        spread = spreads.get(self.ratio)
        met = passes(None if spread is None else spread.median, self.relation, self.bound)
        return {"relation": self.relation, "bound": self.bound, "met": met}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run brought: each ratio's value of every round, and plain figures that explain them."""

    ratios: Mapping[str, Sequence[float]]
    figures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A comparison. ``order`` is its place in the list; ``run`` leaves out what the stand has no peer for."""

    name: str
    order: int
    question: str
    peers: tuple[Peer, ...]
    goals: tuple[Goal, ...]
    run: Callable[[Stand], Awaitable[Measured]]

    def look(self) -> tuple[dict[str, str], list[str]]:
        """Versions of the peers that are here, and what is missing, in words."""
        versions, missing = {}, []
        for peer in self.peers:
            version, lack = peer.look()
            if version is None:
                missing.append(lack)
            else:
                versions[peer.name] = version
        return versions, missing

    def result(self, measured: Measured) -> dict[str, Any]:
        """Ratios, goals, figures, and whether every goal is met: None when one could not be judged."""
        spreads = {name: Spread.of(values) for name, values in measured.ratios.items() if values}
        goals = {goal.ratio: goal.against(spreads) for goal in self.goals}
        verdicts = [goal["met"] for goal in goals.values()]
        return {
            "ratios": {name: spread.as_json() for name, spread in spreads.items()},
            "goals": goals,
            "met": None if None in verdicts else all(verdicts),
            "figures": dict(measured.figures),
        }
