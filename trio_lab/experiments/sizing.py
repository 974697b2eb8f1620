"""Work made to measure: so much hashing that a machine of any speed gets a given number done per second."""

from __future__ import annotations

from ..cores import usable_cores
from ..stage.stage import Server

_TRIAL = 20_000  # rounds
_TRIALS = 5  # the fastest counts: whatever else ran in one of them only made it slower


async def rounds_for(server: Server, *, per_second: float, threads: int) -> int:
    """So many rounds that ``threads`` on this machine's cores compute about ``per_second`` hashes a second."""
    took = min([(await server.get(f"/sync-hash?rounds={_TRIAL}"))["durationMs"] / 1e3 for _ in range(_TRIALS)])
    return max(1, int(_TRIAL * min(usable_cores(), threads) / per_second / took))
