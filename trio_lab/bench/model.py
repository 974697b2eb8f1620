"""What a benchmark is: a question, the peers it needs, ratios that have to be reached, and how they are measured.

Benchmarks are data, as experiments are; goals are stated before anything runs. If a peer is missing,
its goal and the benchmark are open: what was not measured is not judged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from ..diagnose.interval import Interval, median_interval
from ..diagnose.judge import passes
from ..diagnose.ratios import ratios
from ..records.benchmark import Goal
from ..records.figures import Figures, require_declared
from ..records.spread import Spread
from ..stage.stage import Stage
from .found import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run found: each ratio in every round, and plain figures that explain them."""

    ratios: Mapping[str, Sequence[float]]
    figures: Figures = field(default_factory=dict)

    @classmethod
    def compared(
        cls, rounds: Mapping[str, Sequence[float]], pairs: Mapping[str, tuple[str, str]], say: str
    ) -> Measured:
        """The ratio of each pair (ours, theirs) that was measured, and all medians; ``say`` formats a figure's name."""
        return cls(
            ratios={name: ratios(rounds[a], rounds[b]) for name, (a, b) in pairs.items() if {a, b} <= rounds.keys()},
            figures={say.format(name): median(values) for name, values in rounds.items()},
        )

    @property
    def intervals(self) -> dict[str, Interval]:
        """The 95 % interval of the median of each ratio that was measured often enough."""
        found = {name: median_interval(values) for name, values in self.ratios.items()}
        return {name: interval for name, interval in found.items() if interval is not None}

    @property
    def spreads(self) -> dict[str, Spread]:
        """The spread of each ratio that was measured."""
        return {name: Spread.of(values) for name, values in self.ratios.items() if values}


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A comparison. ``order`` is its place in the list. ``ratios`` declares the names of the ratios, ``goals`` has a goal
    for some of them; ``run`` leaves out those whose peer is not here.

    Raises:
        ValueError: a goal is set for a ratio that is not declared.
    """

    name: str
    order: int
    question: str
    peers: tuple[Peer, ...]
    ratios: tuple[str, ...]
    goals: Mapping[str, Goal]
    run: Callable[[Stage], Awaitable[Measured]]

    def __post_init__(self) -> None:
        require_declared(self.goals, self.ratios)

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

    def judged(self, spreads: Mapping[str, Spread]) -> dict[str, Goal]:
        """The goals, and whether the medians meet them."""
        medians = {ratio: spreads[ratio].median if ratio in spreads else None for ratio in self.goals}
        return {
            ratio: replace(goal, met=passes(medians[ratio], goal.relation, goal.bound))
            for ratio, goal in self.goals.items()
        }


def is_met(goals: Mapping[str, Goal]) -> bool | None:
    """Whether all goals are met; None when one could not be judged."""
    verdicts = [goal.met for goal in goals.values()]
    return None if None in verdicts else all(verdicts)
