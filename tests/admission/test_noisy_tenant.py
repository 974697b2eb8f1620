"""Property (pure, in virtual time): what a tenant that asks for 20 times its share costs the others.

The real gate serves simulated requests. Five tenants have equal shares of what the service can do. In the baseline each asks
for four fifths of its share. Then one asks for twenty times its share, and the others as before.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import pytest

from trio_lab.admission.class_gate import ClassGate
from trio_lab.admission.classes import Share, TenantsPlace
from trio_lab.measure.histogram import Histogram
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers, Crowd
from trio_lab.simulate.events import Events
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.service import Cores, Independent, Service
from trio_lab.simulate.times import Times

TENANTS = 5
SERVICE = 0.02  # seconds
QUIET = 2_000  # requests of the four quiet tenants together


class TenantsGate(ClassGate):
    """The lane's crowds name a kind only: here it is the tenant."""

    def arrive(self, now: float, kind: str = "", *rest: Any, **wishes: Any) -> TenantsPlace:
        return super().arrive(now, "normal", tenant=kind)


@cache
def quiet_p99(places: int, service: str, times: Literal["constant", "exponential"], noise: float, fair: bool) -> float:
    """The p99 of the quiet tenants' response times, when the noisy one asks for ``noise`` times its share."""
    events = Events()
    serving: Service = Independent(events) if service == "own time" else Cores(events, 2)
    gate = TenantsGate("gate", capacity=places, shares={"normal": Share(share=1)}, max_waiting=200, by_tenant=fair)
    lane = FastLane(gate, serving, seed=7)
    share = (places if service == "own time" else 2) / SERVICE / TENANTS
    crowds: list[Crowd] = []
    for n in range(TENANTS):
        work, patience = Times(kind=times, mean=SERVICE), Times(kind="exponential", mean=1.0)
        callers = Callers(kind=str(n), service=work, patience=patience)
        crowds.append(lane.open(callers, Arrivals(rate=share * (0.8 if n else noise))))
    lane.run(QUIET / (4 * 0.8 * share))
    responses = Histogram()
    for crowd in crowds[1:]:
        responses.merge(crowd.responses)
    return responses.summary().p99


@pytest.mark.parametrize(
    ("places", "service", "times"),
    [(2, "own time", "exponential"), (16, "own time", "constant"), (4, "two cores", "exponential")],
)
def test_a_noisy_tenant_moves_a_quiet_p99_by_less_than_a_third(
    places: int, service: str, times: Literal["constant", "exponential"]
) -> None:
    before = quiet_p99(places, service, times, 0.8, True)
    assert quiet_p99(places, service, times, 20.0, True) <= 1.3 * before


def test_control_without_fairness_it_moves_it_by_more() -> None:
    assert quiet_p99(4, "two cores", "constant", 20.0, False) > 3 * quiet_p99(4, "two cores", "constant", 0.8, False)
