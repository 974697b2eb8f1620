"""Which load shows whether a change helps: made from what is known of the service.

Pieces are short, because the machine changes speed within seconds and what is compared should meet the same; but each holds
some requests, one after another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..records.diagnosis import Diagnosis
from ..records.examination import Examination
from ..records.proof import Measure, Trial
from .diagnosis import highest_rate
from .prescribe import RULES

# Times as many clients as it serves at a time: enough to fill it also if it serves twice as many with the change.
_FILLS, _FEWEST, _MOST = 4, 8, 256
_BEARS = 0.6  # of the saturation load: latencies there are those of the service, not of a queue
_PIECE: dict[Measure, float] = {"throughput": 0.5, "p50": 1.0, "beside_p50": 1.0}
_LONGEST = 4.0  # seconds of a piece
_IN_A_ROW, _ARRIVALS = 10, 30  # requests of a client, or in all, that a piece has at least
_UNKNOWN = 0.05  # seconds of a request, if that was not seen


def measure_for(found: Diagnosis) -> Measure:
    """What shows that the fix of the first finding helps. If nothing is wrong, a lower latency is all that can be gained."""
    first = found.findings[0].id if found.findings else ""
    unknown: Measure = "p50" if found.saturation_load is None else "throughput"
    return next((rule.measure for rule in RULES if rule.id == first), unknown)


def planned(examination: Examination, found: Diagnosis, variables: Mapping[str, str], path: str | None) -> Trial:
    """The trial of a change, before its first pair."""
    measure, alone = measure_for(found), found.service_time or _UNKNOWN
    load = found.saturation_load or highest_rate(examination)
    rate = _BEARS * load if measure == "p50" and load else None
    needed = _IN_A_ROW * alone if rate is None else _ARRIVALS / rate
    return Trial(
        variables=dict(variables),
        path=path,
        measure=measure,
        clients=min(_MOST, max(_FEWEST, math.ceil(_FILLS * (found.concurrency or 1.0)))),
        rate=rate,
        piece=min(_LONGEST, max(_PIECE[measure], needed)),
    )
