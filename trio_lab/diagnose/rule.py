"""What a rule is: one reason why a service is slow or saturated, decided from figures alone.

A rule without one of the figures that it needs cannot tell, and says so; it does not guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..records.diagnosis import Setting
from ..records.proof import Measure
from .signals import Signals

# The sources' order of fixes.
(
    MEASURE,
    BLOCKING,
    STARVATION,
    NATIVE_POOL,
    WORKERS,
    BACKPRESSURE,
    SEPARATE,
    WATCH,
) = range(1, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``kinds`` are the sorts of first queue for which the rule is a possible reason, None for any. ``needs`` are the
    names of the figures it decides by; ``holds`` is asked only when all of them are there. Of ``either`` it uses the
    figures that are there, and the others are told as not seen. ``figures`` are shown with the finding. ``setting`` is the
    fix as a setting, if it is one, and ``measure`` what shows that a fix helps."""

    id: str
    step: int
    kinds: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    holds: Callable[[Signals], bool]
    because: Callable[[Signals], str]
    figures: tuple[str, ...] = ()
    doubt: str
    fix: str
    setting: Callable[[Signals], Setting | None] = lambda signals: None
    measure: Measure = "throughput"

    def possible(self, signals: Signals) -> bool:
        """Whether this can be the reason, given the first queue. True if the first queue is not known."""
        return self.kinds is None or signals.kind is None or signals.kind in self.kinds

    def explains(self, signals: Signals) -> bool:
        """Whether it is the reason, by figures that are all there. Rules ask others that know more than they do."""
        return self.possible(signals) and not self.missing(signals) and self.holds(signals)

    def missing(self, signals: Signals) -> list[str]:
        """The figures it needs that were not seen."""
        wanted = (*(("kind",) if self.kinds is not None else ()), *self.needs)
        return [name for name in wanted if getattr(signals, name) is None]

    def unseen(self, signals: Signals) -> list[str]:
        """Those of ``either`` that were not seen."""
        return [name for name in self.either if getattr(signals, name) is None]
