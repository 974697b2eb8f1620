"""Open files and sockets are near the limit: the next connection cannot be accepted."""

from __future__ import annotations

from ..rule import BACKPRESSURE, Rule

_NEARLY_ALL = 0.8  # of the limit

RULE = Rule(
    id="descriptors",
    step=BACKPRESSURE,
    needs=("descriptors_share",),
    holds=lambda signals: (signals.descriptors_share or 0.0) >= _NEARLY_ALL,
    because=lambda signals: f"{signals.descriptors_share:.0%} of the descriptors that the service may open were open",
    figures=("failed_share",),
    doubt="If their number does not fall when the load ends, they leak, and a higher limit only delays the end.",
    fix="Bound the connections below the limit, close what is not used, then raise the limit.",
)
