"""Arrivals and durations (pure): they have the rate and the mean that they promise."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random
from statistics import fmean
from typing import Any

import pytest

from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.times import Times


@pytest.mark.parametrize("kind", ["constant", "poisson", "bursts"])
def test_arrivals_have_their_rate(kind: Any) -> None:
    moments = [*islice(Arrivals(kind=kind, rate=50.0).times(Random(1), 7.0), 5_000)]
    assert moments == sorted(moments)
    assert moments[0] >= 7.0
    assert moments[-1] - 7.0 == pytest.approx(100.0, rel=0.1)


def test_a_burst_comes_together() -> None:
    moments = [*islice(Arrivals(kind="bursts", rate=50.0, burst=4).times(Random(1)), 40)]
    assert set(Counter(moments).values()) == {4}


def test_a_trace_comes_as_it_was_recorded() -> None:
    assert [*Arrivals(kind="trace", moments=(0.0, 0.5, 0.5)).times(Random(1), 2.0)] == [2.0, 2.5, 2.5]


@pytest.mark.parametrize(
    "times",
    [
        Times(mean=0.2),
        Times(kind="exponential", mean=0.2),
        Times(kind="lognormal", mean=0.2, sigma=0.5),
        Times(kind="recorded", values=(0.1,) * 9 + (1.1,)),
    ],
)
def test_durations_have_their_mean(times: Times) -> None:
    draw = times.draw(Random(1))
    assert fmean(draw() for _ in range(20_000)) == pytest.approx(0.2, rel=0.04)


@pytest.mark.parametrize(
    ("make", "wrong", "says"),
    [
        (Times, {"kind": "gamma"}, "kind must be"),
        (Times, {"kind": "recorded"}, "need values"),
        (Times, {"mean": -1.0}, "must not be negative"),
        (Times, {"kind": "exponential"}, "over 0"),
        (Arrivals, {"kind": "often"}, "kind must be"),
        (Arrivals, {}, "rate must be"),
        (Arrivals, {"rate": 1.0, "burst": 0}, "burst must be"),
        (Arrivals, {"kind": "trace", "moments": (2.0, 1.0)}, "in order"),
        (Arrivals, {"kind": "trace", "moments": (-5.0, 1.0)}, "from 0 on, not -5"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(**wrong)
