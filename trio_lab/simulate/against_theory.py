"""A scenario against queueing theory: the mean wait in replications, and what theory says it is.

The mean is one with controls (`infinite_servers`), so that fewer requests tell as much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import exp, inf
from typing import Annotated

from ..records.codec import Ratio
from .infinite_servers import InfiniteServers, controlled
from .made import fast_lane
from .outcome import Duration
from .play import played
from .scenario import Scenario
from .theory import mean_beyond, mean_beyond_twice, mean_constant_wait, mean_wait, mean_wait_of_one, settling

_SETTLED = 5.0  # times that a queue needs to settle, which do not count
_WORTH = 20.0  # × the requests that were asked for: more than that are not played only to settle
_BEFORE = 1.5  # service times: of those from 0.5 to 3 the second control explained most at 64 servers, a load of 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstTheory:
    """Mean waits in seconds. ``error`` is simulated ÷ theory − 1, from ``low`` to ``high`` with 99 %."""

    queue: str
    theory: Annotated[float, Duration]
    simulated: Annotated[float, Duration]
    error: Ratio
    low: Ratio
    high: Ratio
    replications: int

    @property
    def holds(self) -> bool:
        """Whether theory is inside the interval."""
        return self.low <= 0 <= self.high


def theory_of(scenario: Scenario) -> tuple[str, Callable[[], float]] | None:
    """The name of the queue that the scenario is, and how to compute its mean wait; None where no theory is at hand.

    Theory knows one stream of Poisson arrivals without begin or end that all wait for their turn, and servers of which none
    slows another.
    """
    work, gate = scenario.workloads[0], scenario.gate
    plain = (
        len(scenario.workloads) == 1
        and work.arrivals is not None
        and work.arrivals.kind == "poisson"
        and (work.start, work.end) == (0.0, inf)
        and work.callers.patience is None
        and not (
            scenario.faults
            or scenario.crashes
            or gate.autoscale
            or scenario.cores
            or scenario.downstream
            or scenario.loop
        )
        and gate.max_waiting is gate.queue_timeout is gate.run_timeout is None
        and (gate.limit, gate.discipline) in {("fixed", "fifo"), ("fixed", "patience")}
        and 0 < scenario.load < 1
    )
    if not plain:
        return None
    times, k = work.callers.service, scenario.servers
    if times.kind == "exponential":
        return f"M/M/{k} (Erlang C)", partial(mean_wait, k, scenario.rate, scenario.service)
    if times.kind == "constant":
        return f"M/D/{k} (Crommelin)", partial(mean_constant_wait, k, scenario.rate, scenario.service)
    if k == 1:
        name = "M/G/1 (Pollaczek and Khinchine)"
        return name, partial(mean_wait_of_one, scenario.rate, scenario.service, times.variation)
    return None


def against_theory(scenario: Scenario, requests: float, count: int) -> AgainstTheory | None:
    """Compare in ``count`` replications, of so many requests together. None where there is no theory, where the queue would
    take far more requests than that to settle, or where there is a replication in which none had to wait: a mean wait that
    rests on so few tells nothing.
    """
    found = theory_of(scenario)
    if found is None or count < 3:
        return None
    queue, compute = found
    warm_up = _SETTLED * settling(scenario.servers, scenario.rate, scenario.service)
    if count * warm_up * scenario.rate > _WORTH * requests:
        return None
    seconds = warm_up + requests / count / scenario.rate
    settled = replace(scenario, requests=None, seconds=seconds, warm_up=warm_up)
    runs = (_waits(replace(settled, seed=settled.seed + n)) for n in range(1, count + 1))
    waits, *controls = zip(*runs, strict=True)
    if not all(waits):
        return None
    theory = compute()
    simulated, *ends = controlled(waits, controls, _expected(scenario))
    error, low, high = (one / theory - 1 for one in (simulated, *ends))
    return AgainstTheory(
        queue=queue, theory=theory, simulated=simulated, error=error, low=low, high=high, replications=count
    )


def _expected(scenario: Scenario) -> tuple[float, ...]:
    """The means of the controls. That of the second is computed for exponential service times only."""
    servers, offered = scenario.servers, scenario.rate * scenario.service
    first = mean_beyond(servers, offered)
    if scenario.workloads[0].callers.service.kind != "exponential":
        return (first,)
    return first, mean_beyond_twice(servers, offered, offered * exp(-_BEFORE))


def _waits(scenario: Scenario) -> tuple[float, float, float]:
    """The mean wait, and the means of the controls."""
    lane, infinite = fast_lane(scenario), InfiniteServers(scenario.servers, _BEFORE * scenario.service)
    [crowd] = lane.crowds
    crowd.work = infinite.seeing(crowd.work, lane.events)
    found = played(lane, scenario, settled=infinite.reset)
    return found.wait.mean, infinite.beyond, infinite.twice
