"""What a service promises, as far as an admission can keep it: the two bounds that it takes from an SLO file."""

from __future__ import annotations

from dataclasses import dataclass

from ..records.slo_text import read_slo

_RESPONSE = ("p50", "p90", "p99", "p99_9", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Both in seconds, None where nothing is promised.

    ``loop_delay`` is that of ``loop_delay_p99``. ``response`` is the longest of the bounds on latencies: a request that takes
    longer breaks a promise in any case, so one that has waited too long for it is better refused.
    """

    loop_delay: float | None = None
    response: float | None = None


def promises(slo: str | None) -> Promises:
    """Those in a file, or in a line such as ``p99<200ms, loop_delay_p99<50ms``. Raises `UsageError`."""
    if slo is None:
        return Promises()
    bounds = {objective.figure: objective.bound / 1e3 for objective in read_slo(slo)}  # these figures are in ms
    return Promises(
        loop_delay=bounds.get("loop_delay_p99"),
        response=max((bounds[name] for name in _RESPONSE if name in bounds), default=None),
    )
