"""Unit (pure): at which ages it is too late for callers that have left like this, as a table."""

from __future__ import annotations

import math
from itertools import accumulate
from random import Random

import pytest

from trio_lab.admission.evidence import _EDGES, NEVER_TOO_LATE, Ages, Evidence, _at, _stretches

SPAN = 0.05  # seconds that a service takes


def leaving(*ages: float, times: int = 1000) -> list[tuple[float, bool]]:
    return [(age, True) for age in ages] * times


def staying(*ages: float, times: int = 100) -> list[tuple[float, bool]]:
    return [(age, False) for age in ages] * times


def exponential(count: int) -> list[tuple[float, bool]]:
    random = Random(3)
    return [(random.expovariate(1.0), True) for _ in range(count)]


def found(endings: list[tuple[float, bool]], *spans: float) -> Ages:
    evidence = Evidence()
    for age, left in endings:
        evidence.add(age, 0.0, left=left)
    return evidence.ages(spans or (SPAN,), 0.0)


def in_words(ages: Ages) -> str:
    """Bounds to the nearest bin, which is 5 % wide."""
    if ages == NEVER_TOO_LATE:
        return "never"
    bounds = [f"{bound:.2f}" for bound in ages.bounds]
    words = " and ".join(f"{begin}-{end}" for begin, end in zip(bounds[::2], bounds[1::2], strict=True))
    return words + ("" if ages.last == math.inf else f", gone after {ages.last:.2f}")


TABLE: list[tuple[list[tuple[float, bool]], str]] = [
    ([], "never"),
    (staying(0.1, 5.0), "never"),
    (leaving(0.3), "0.24-0.30, gone after 0.30"),  # less a service, and to the next edges of bins
    (leaving(1.0), "0.88-1.02, gone after 1.02"),
    (leaving(3.0), "2.84-3.13, gone after 3.13"),
    (leaving(200.0), "never"),  # beyond what is counted: only the queue timeout bounds it
    (leaving(0.3) + staying(0.4, times=300), "0.24-0.30"),  # some have more patience: later it is not too late
    (leaving(0.3) + staying(0.4, times=150), "0.24-0.30, gone after 0.30"),  # so few: their leaving was not seen
    (leaving(0.3, 1.0, 3.0), "0.24-0.30 and 0.88-1.02 and 2.84-3.13, gone after 3.13"),
    (exponential(3000), "never"),  # who waits is as likely to stay as one who comes: no age is worse than another
    # A few that leave are no pattern, however few others there are.
    (leaving(0.3, times=1), "never"),
    (leaving(0.3, times=1) + staying(0.1, times=3), "never"),
    (leaving(0.3, times=3) + staying(5.0, times=1000), "never"),
    (leaving(0.3, times=60) + staying(5.0, times=1000), "0.24-0.30"),
]


@pytest.mark.parametrize(("endings", "too_late"), TABLE)
def test_too_late_is_where_others_left_soon_after(endings: list[tuple[float, bool]], too_late: str) -> None:
    assert in_words(found(endings)) == too_late


@pytest.mark.parametrize(
    ("span", "too_late"),
    [(0.001, "0.27-0.30"), (0.05, "0.24-0.30"), (0.1, "0.18-0.30"), (0.2, "0.08-0.30")],
)
def test_the_longer_the_service_the_earlier_is_it_too_late(span: float, too_late: str) -> None:
    assert in_words(found(leaving(0.3), span)).startswith(too_late)


def test_a_service_that_nobody_stays_for_is_judged_by_its_shorter_spans() -> None:
    """Where hardly anybody stays for the mean service, those who have just come are still the best choice."""
    assert found(leaving(0.3), 0.5) == NEVER_TOO_LATE
    assert in_words(found(leaving(0.3), 0.5, 0.4, 0.2)) == in_words(found(leaving(0.3), 0.2))


def test_ages_at_the_bounds() -> None:
    ages = Ages(bounds=(0.2, 0.3, 0.9, 1.0))
    assert [age for age in (0.0, 0.19, 0.2, 0.29, 0.3, 0.89, 0.9, 0.99, 1.0, 9.0) if ages.too_late(age)] == [
        0.2,
        0.29,
        0.9,
        0.99,
    ]


# Forgetting.


def fed(evidence: Evidence, now: float, seconds: float, rate: float, age: float, *, left: bool = True) -> float:
    """Endings at this rate; the time at the end of it."""
    for n in range(int(seconds * rate)):
        evidence.add(age, now + n / rate, left=left)
    return now + seconds


def endings_until(evidence: Evidence, now: float, rate: float, age: float, *, left: bool) -> int:
    """How many callers must end like this until it is too late at 0.28 s, or no longer."""
    for count in range(1_000):
        if evidence.ages((SPAN,), now).too_late(0.28) == left:
            return count
        now = fed(evidence, now, 1 / rate, rate, age, left=left)
    raise AssertionError("never")


@pytest.mark.parametrize("rate", [4.0, 40.0, 300.0])
def test_less_than_a_hundred_callers_show_that_patience_has_grown(rate: float) -> None:
    evidence = Evidence()
    now = fed(evidence, 0.0, 60.0, 300.0, 0.3)
    assert evidence.ages((SPAN,), now).too_late(0.28)
    assert 20 <= endings_until(evidence, now, rate, 2.5, left=False) < 100


@pytest.mark.parametrize("rate", [4.0, 40.0, 300.0])
def test_a_few_callers_show_that_patience_has_shrunk(rate: float) -> None:
    evidence = Evidence()
    now = fed(evidence, 0.0, 60.0, 40.0, 2.5, left=False)
    assert 3 <= endings_until(evidence, now, rate, 0.3, left=True) < 25


def test_rare_endings_are_remembered_for_longer() -> None:
    """A service of many seconds has few callers; their evidence must not be gone before there is enough of it."""
    evidence = Evidence()
    fed(evidence, 0.0, 50.0, 0.5, 10.0)
    assert evidence.ages((5.0,), 50.0).too_late(6.0)
    assert evidence.ages((5.0,), 1_000.0) == NEVER_TOO_LATE


def test_another_clock_begins_anew() -> None:
    evidence = Evidence()
    fed(evidence, 1e6, 5.0, 100.0, 0.3)
    now = fed(evidence, 0.0, 5.0, 100.0, 2.5, left=False)
    fed(evidence, now, 60.0, 100.0, 2.5, left=False)
    assert evidence.ages((SPAN,), now + 60.0) == NEVER_TOO_LATE


@pytest.mark.parametrize("seed", range(3))
def test_evidence_is_never_negative(seed: int) -> None:
    evidence, random, now = Evidence(), Random(seed), 0.0
    for _ in range(3_000):
        now += random.choice([0.001, 0.01, 2.0])
        evidence.add(random.choice([0.0, 0.01, 0.3, 1.0, 70.0]), now, left=random.random() < 0.5)
        if random.random() < 0.05:
            ages = evidence.ages((random.choice([0.01, 0.3, 2.0]),), now)
            assert list(ages.bounds) == sorted(ages.bounds)
            assert len(ages.bounds) % 2 == 0
            assert ages.last in (math.inf, *ages.bounds[-1:])
        assert min(evidence._left) >= 0
        assert all(left <= ended + 1e-9 for left, ended in zip(evidence._left, evidence._ended, strict=True))


def looked_at_each_bin(hazard: list[float], span: float, allowed: float) -> list[tuple[int, int]]:
    """The stretches, found as they are defined."""
    late = [_at(hazard, begin + span) - so_far > allowed for begin, so_far in zip(_EDGES, hazard, strict=False)]
    firsts = [n for n in range(1, len(late)) if late[n] and (n == 1 or not late[n - 1])]
    return [(first, next(n for n in range(first, len(late)) if not late[n])) for first in firsts]


def test_bins_that_are_skipped_are_not_too_late() -> None:
    random, several = Random(7), 0
    for _ in range(200):
        steps = [random.choice([0.0, 0.0, 0.01, 0.1, 1.0]) * random.random() for _ in range(random.randint(1, 150))]
        hazard = [0.0, *accumulate(steps)]
        span, allowed = random.uniform(0.001, 2.0), random.uniform(0.03, 1.0)
        expected = looked_at_each_bin(hazard, span, allowed)
        assert [*_stretches(hazard, span, allowed)] == expected
        several += len(expected) > 1
    assert several > 20
