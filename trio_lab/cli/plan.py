"""`trio-lab plan`."""

from __future__ import annotations

from typing import Annotated

from ..cores import usable_cores
from ..errors import UsageError
from ..load.notation import seconds
from ..records.codec import encode
from ..simulate.cluster import Dispatch
from ..simulate.plan import Need
from ..simulate.plan import plan as planned
from ..simulate.times import Times
from .flags import Json
from .load_options import Seconds
from .times import mean_or_times

_OVERHEAD = 0.0008  # seconds of a core that a request took on the lab's own server, beside its handler


async def plan(
    *,
    rate: float,
    p99: Annotated[float, Seconds],
    service: str,
    cores_per_host: int | None = None,
    overhead: str = "",
    dispatch: Dispatch = "two-choices",
    seed: int = 1,
    json_: Json = False,
) -> int:
    """Say how many cores and hosts a load needs, and which bounds.

    Parameters
    ----------
    rate
        Requests per second.
    p99
        Time within which 99 % of them must be answered: 0.2 or 200ms.
    service
        How long a request keeps a core busy: 5ms (exponential), constant:5ms, lognormal:5ms:0.5, or a file with measured
        times, such as the results.json of a run.
    cores_per_host
        Cores of a host; by default as many as this machine has.
    overhead
        What the event loop and the protocol add to each request; by default 0.8ms, and nothing to measured times, which
        have it.
    dispatch
        How the tier in front chooses a host: random, round-robin, two-choices (the better of two at random) or least-loaded.
    seed
        Of the random numbers: the same seed gives the same plan.
    """
    times = mean_or_times("service", service)
    if times is None:
        raise UsageError("service must not be empty: say how long a request keeps a core busy")
    if isinstance(times, float):
        times = Times(kind="exponential", mean=times)
    found = planned(
        Need(
            rate=rate,
            p99=p99,
            service=times,
            cores=usable_cores() if cores_per_host is None else cores_per_host,
            overhead=seconds(overhead) if overhead else 0.0 if times.kind == "recorded" else _OVERHEAD,
            dispatch=dispatch,
            seed=seed,
        )
    )
    if json_:
        print(encode(found).decode())
    else:
        from .plan_view import show

        show(found)
    return 0
