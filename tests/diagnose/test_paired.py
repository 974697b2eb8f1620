"""Unit (pure): the effect in pairs, when it is decided, and how often it is decided wrongly."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import product

import pytest

from trio_lab.diagnose.paired import FIRST_LOOK, effect, looks
from trio_lab.diagnose.proof import decided, prove
from trio_lab.records.proof import Measure, Outcome, Trial

from .pairs import NOISES, outcomes


def of(*ratios: float) -> list[tuple[float, float]]:
    return [(100.0, 100.0 * ratio) for ratio in ratios]


def test_the_effect_is_the_median_of_all_means_of_two() -> None:
    found = effect(of(1.0, math.exp(0.1), math.exp(0.8)), looks=1)
    assert found is not None
    assert math.log(found.ratio) == pytest.approx((0.1 + 0.4) / 2), "of 0, 0.05, 0.1, 0.4, 0.45 and 0.8"


@pytest.mark.parametrize(("count", "left_out"), [(5, None), (6, 0), (8, 3), (10, 8), (12, 13), (16, 29), (20, 52)])
def test_the_ends_are_those_of_the_signed_rank_test(count: int, left_out: int | None) -> None:
    """The figures are those of printed tables of Wilcoxon's test at 5 %, two-sided."""
    logs = [0.01 * (-1) ** at * at**1.5 for at in range(count)]  # neighbours are not alike
    found = effect(of(*map(math.exp, logs)), looks=1)
    assert found is not None
    if left_out is None:
        assert found.interval is None
        return
    means = sorted((one + other) / 2 for at, one in enumerate(logs) for other in logs[at:])
    assert found.interval == pytest.approx((math.exp(means[left_out]), math.exp(means[-1 - left_out])))


def test_the_interval_excludes_1_as_often_as_wilcoxon_does() -> None:
    """Of all signs of eight differences, each as likely as the other: at one look 5 % are allowed, at eight looks 1.2 %."""
    for count, most in ((1, 0.05), (8, 0.012)):
        excluded = 0
        for signs in product((-1, 1), repeat=8):
            found = effect(
                of(*(math.exp(sign * size) for sign, size in zip(signs, range(1, 9), strict=True))), looks=count
            )
            assert found is not None
            assert found.interval is not None
            excluded += not found.interval[0] <= 1 <= found.interval[1]
        assert 0 < excluded / 2**8 <= most


def test_pairs_that_are_alike_count_less() -> None:
    draw = random.Random(3)
    logs = sorted(draw.gauss(0, 0.05) for _ in range(24))
    shuffled = draw.sample(logs, len(logs))
    wide, narrow = (effect(of(*map(math.exp, one)), looks=1) for one in (logs, shuffled))
    assert wide is not None
    assert wide.interval is not None
    assert narrow is not None
    assert narrow.interval is not None
    assert wide.ratio == narrow.ratio
    assert math.log(wide.interval[1] / wide.interval[0]) > 1.5 * math.log(narrow.interval[1] / narrow.interval[0])


def test_looks_are_further_and_further_apart() -> None:
    assert looks(50) == (8, 12, 17, 24, 34, 48, 50)
    assert looks(3) == (FIRST_LOOK,)


@pytest.mark.parametrize("kind", ["a machine that drifts within a second", "programs that drift"])
def test_no_more_than_one_in_twenty_is_a_false_effect(kind: str) -> None:
    """With all looks of a trial, in 2000 trials of two programs that are the same."""
    found = outcomes(NOISES[kind], 2000)
    assert found.get("helps", 0.0) + found.get("worse", 0.0) <= 0.05
    assert found["no effect"] > 0.9


def test_nor_of_a_latency() -> None:
    found = outcomes(NOISES["a quiet machine"], 1000, measure="p50")
    assert found.get("helps", 0.0) + found.get("worse", 0.0) <= 0.05


def test_a_tenth_more_throughput_and_a_twentieth_less_latency_are_found() -> None:
    for noise in NOISES.values():
        assert outcomes(noise, 100, effect=1.1).get("helps", 0.0) >= 0.9
    assert outcomes(NOISES["a quiet machine"], 300, effect=1 / 1.05, measure="p50").get("helps", 0.0) >= 0.85


TRIAL = Trial(variables={"THREADS": "8"}, measure="throughput", clients=16, piece=0.5, looks=3)


@pytest.mark.parametrize(
    ("measure", "ratios", "outcome", "said"),
    [
        ("throughput", [2.0] * 8, "helps", "THREADS=8 helps: throughput at saturation 2 ×"),
        ("throughput", [0.5] * 8, "worse", "THREADS=8 makes it worse: throughput at saturation 0.5 ×"),
        ("p50", [0.5] * 8, "helps", "THREADS=8 helps: median latency at a fixed rate 0.5 ×"),
        ("beside_p50", [2.0] * 8, "worse", "THREADS=8 makes it worse"),
        ("throughput", [0.99, 1.01] * 4, "no effect", "THREADS=8 has no effect"),
        ("throughput", [0.8, 1.02] * 4, "undecided", "Whether THREADS=8 helps could not be told: throughput"),
        ("throughput", [0.8, 1.02] * 4, "undecided", "a gain of 10% is ruled out"),
        ("p50", [1.25, 0.98] * 4, "undecided", "a gain of 5% is ruled out"),
        ("throughput", [2.0] * 5, "undecided", "5 pairs are too few"),
        ("throughput", [], "not tried", "THREADS=8 could not be tried: nothing was measured"),
    ],
)
def test_what_came_of_it(measure: Measure, ratios: list[float], outcome: Outcome, said: str) -> None:
    proof = prove(replace(TRIAL, measure=measure, pairs=tuple(of(*ratios))))
    assert proof.outcome == outcome
    assert said in proof.says


def test_a_trial_goes_on_until_a_look_decides_it() -> None:
    def at(*ratios: float, most: int = 50) -> bool:
        return decided(replace(TRIAL, pairs=tuple(of(*ratios))), most)

    assert not at(*[2.0] * 7)
    assert at(*[2.0] * 8)
    assert not at(*[0.7, 1.5] * 4), "it may be anything"
    assert not at(*[2.0] * 9), "not every pair is looked at"
    assert at(*[0.7, 1.5] * 25), "time is over"


def test_a_program_that_ends_under_load_because_of_the_change_is_worse_whatever_it_did_before() -> None:
    proof = prove(replace(TRIAL, pairs=tuple(of(*[2.0] * 8)), stopped="app.py ended", broke=True))
    assert proof.outcome == "worse"
    assert proof.says == "THREADS=8 makes it worse: app.py ended"


def test_pairs_that_were_disturbed_count_and_are_told_if_they_are_many() -> None:
    trial = replace(TRIAL, pairs=tuple(of(*[2.0] * 8)))
    assert prove(replace(trial, disturbed=4)).says.endswith("8 pairs)")
    assert prove(replace(trial, disturbed=5)).says.endswith("8 pairs); other programs used the CPU in 5 of them")


def test_without_a_change_nothing_could_be_tried() -> None:
    assert prove(replace(TRIAL, variables={}, stopped="it has none")).says == "Nothing could be tried: it has none"


def test_a_trial_that_ended_early_says_why() -> None:
    proof = prove(replace(TRIAL, pairs=tuple(of(*[1.0] * 8)), stopped="the program ended"))
    assert proof.says.endswith("; it ended early: the program ended")
    assert proof.before == 100.0
