"""Against SimPy, another simulator: the same requests wait as long in both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest
import simpy

from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.play import play
from trio_lab.simulate.scenario import GateSettings, Scenario, Workload
from trio_lab.simulate.times import Times

_REQUESTS = 2_000
_SERVICE = Times(kind="exponential", mean=1.0)


def simulated_by_simpy(servers: int, patience: float | None) -> tuple[list[float], int]:
    """The waits of the requests that were served, and how many left the queue. It draws what the fast lane draws."""
    source = Random(1)
    callers, arrivals = (Random(source.getrandbits(64)) for _ in range(2))
    work = _SERVICE.draw(callers)
    environment = simpy.Environment()
    server = simpy.Resource(environment, capacity=servers)
    waits: list[float] = []
    left = 0

    def customer(seconds: float) -> Iterator[simpy.Event]:
        nonlocal left
        came = environment.now
        with server.request() as request:
            yield request if patience is None else request | environment.timeout(patience)
            if not request.triggered:
                left += 1
                return
            waits.append(environment.now - came)
            yield environment.timeout(seconds)

    def crowd() -> Iterator[simpy.Event]:
        for moment in islice(Arrivals(rate=0.95 * servers).times(arrivals), _REQUESTS):
            yield environment.timeout(moment - environment.now)
            environment.process(customer(work()))

    environment.process(crowd())
    environment.run()
    return waits, left


@pytest.mark.parametrize("patience", [None, 1.5])
@pytest.mark.parametrize("servers", [1, 4, 16])
def test_both_simulate_the_same_queue(servers: int, patience: float | None) -> None:
    waits, left = simulated_by_simpy(servers, patience)
    # A queue timeout is a patience that is over only in the queue, as SimPy's customers have it here.
    gate = GateSettings(queue_timeout=patience, discipline="fifo")
    work = Workload(callers=Callers(service=_SERVICE), arrivals=Arrivals(rate=0.95 * servers))
    found = play(Scenario(workloads=(work,), servers=servers, requests=_REQUESTS, gate=gate))
    assert (found.served, found.refused) == (len(waits), left)
    assert found.wait.mean == pytest.approx(sum(waits) / len(waits))
    assert found.wait.max == pytest.approx(max(waits))
    assert patience is None or left >= 20
