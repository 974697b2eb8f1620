"""python -m tests.mutation [PART ...]: run these parts, or all, and print the table."""

from __future__ import annotations

import subprocess
import sys

from .outcomes import Outcome, outcome
from .parts import PARTS
from .reasons import PAGE, differences, explained
from .workplace import run

LEAST_SCORE = 0.85


def main(names: list[str]) -> int:
    unknown = set(names) - set(PARTS)
    if unknown:
        print(f"No such part: {', '.join(sorted(unknown))}. The parts are {', '.join(PARTS)}.")
        return 2
    outcomes = {name: _tried(name) for name in names or PARTS}
    reasons = explained(PAGE.read_text("utf-8"))
    complete = [_told(name, found, reasons.get(name, set())) for name, found in outcomes.items()]
    print(f"\n{'part':12}{'mutants':>8}{'killed':>8}{'survived':>9}{'score':>7}")
    for name, found in outcomes.items():
        total = found.killed + found.survived
        print(f"{name:12}{total:8}{found.killed:8}{found.survived:9}{found.score:7.2f}")
    enough = all(found.score >= LEAST_SCORE for found in outcomes.values())
    return 0 if all(complete) and enough else 1


def _tried(name: str) -> Outcome:
    print(f"\n{name}", flush=True)
    run(name, PARTS[name])
    return outcome(name, PARTS[name])


def _told(name: str, found: Outcome, reasons: set[str]) -> bool:
    """Whether all mutants were tried, and each survivor has its reason; what is missing is printed."""
    unexplained, gone = differences(found.survivors, reasons)
    for heading, lines in (
        (f"{name}: survivors without a reason in {PAGE.name}", unexplained),
        (f"{name}: these survive no longer; remove them from {PAGE.name}", gone),
    ):
        if lines:
            print(f"\n{heading}:", *lines, sep="\n")
    if found.untried:
        print(f"\n{name}: {found.untried} mutants were not tried")
    return not (unexplained or gone or found.untried)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"mutmut ended with {failure.returncode}: the tests must pass without a mutant")
    except KeyboardInterrupt:
        sys.exit("interrupted; the next run goes on from here")
