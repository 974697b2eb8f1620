"""A scenario played in the fast lane, once or several times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf

from .lane import FastLane
from .made import fast_lane
from .outcome import Simulated, simulated
from .scenario import Scenario


def play(scenario: Scenario) -> Simulated:
    """What comes of it."""
    return played(fast_lane(scenario), scenario)


def played(lane: FastLane, scenario: Scenario, *, settled: Callable[[], None] = lambda: None) -> Simulated:
    """What comes of it in a lane at its beginning. When the warm-up is over, ``settled`` is called."""
    if scenario.warm_up:
        lane.run(scenario.warm_up)
        lane.count_from_here()
        settled()
    lane.run(inf if scenario.seconds is None else scenario.seconds - scenario.warm_up)
    return simulated(lane)


def shorter(scenario: Scenario, requests: float) -> Scenario:
    """The same, but not longer than so many requests take to come, after the warm-up."""
    if scenario.requests is not None:
        first = round((scenario.rate or 0.0) * scenario.warm_up)
        return replace(scenario, requests=max(1, min(scenario.requests, first + round(requests))))
    if not scenario.rate or scenario.seconds is None:
        return scenario
    return replace(scenario, seconds=min(scenario.seconds, scenario.warm_up + requests / scenario.rate))


def replications(scenario: Scenario, count: int) -> Sequence[Simulated]:
    """The same so many times, each with random numbers of its own."""
    return [play(replace(scenario, seed=scenario.seed + number)) for number in range(1, count + 1)]
