"""In virtual time, at the real gate: our limit finds the best fixed one in every case, and each of the others fails one.

`python -m tests.admission.limits` runs the same cases at length and writes docs/adaptive-limits.md.
"""

from __future__ import annotations

import pytest

from .cases import ALGORITHMS, CASES, OURS, Case, compare

# A case that each of the others fails, and how: "share" loses goodput, "distance" ends far from the good limits.
FAILED_BY = {
    "AIMD": "cpu, from 1",  # grows until requests take its timeout, which is longer than anybody waits
    "Vegas": "99:1, from 10 ×",  # the fastest of many is much faster than most
    "Gradient2": "cpu, 1.3 × load",  # slow for long is normal
    "failsafe-go": "cpu, from 10 ×",  # a limit that was too high from the beginning is its baseline
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ours_serves_as_much_as_the_best_fixed_limit_and_stays_near_it(case: Case) -> None:
    """Where one request in a hundred takes twenty times as long a short run says little: there the middle of three counts."""
    runs = [compare(case, OURS, seed=seed) for seed in ((1, 2, 3) if case.bimodal else (1,))]
    found = sorted(runs, key=lambda run: run.share)[len(runs) // 2]
    assert found.holds, found


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != OURS])
def test_each_of_the_others_fails_a_case(algorithm: str) -> None:
    case = next(case for case in CASES if case.name == FAILED_BY[algorithm])
    assert compare(case, algorithm).share < 0.85
