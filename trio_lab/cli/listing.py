"""`trio-lab list`."""

from __future__ import annotations

from ..experiments import differences, finale
from ..experiments.catalog import EXPERIMENTS, select
from ..experiments.runner import expected_s
from ..http.runtimes import RUNTIMES
from .console import print_list
from .flags import Json

QUICK_DOSE = 0.45
"""Of a quick comparison: three runtimes share the time that one has in `trio-lab run --quick`."""


def list_(*, json_: Json = False) -> None:
    """List the experiments with their questions, and how many seconds each takes with --quick.

    Those with a star make up the lab: `trio-lab run` runs them when none is named.
    """
    entries = [
        {
            "name": e.name,
            "question": e.question,
            "prediction": e.prediction,
            "lab": e.lab,
            "seconds": e.expected_s,
        }
        for e in EXPERIMENTS
    ]
    print_list("experiment", entries, json_=json_, columns=("lab", "seconds", "question"))
    if not json_:
        alone, compared = minutes_of(("trio",)), minutes_of(RUNTIMES, dose=QUICK_DOSE)
        print(
            f"\n★ the lab: `trio-lab run --quick` takes about {alone} minutes, `trio-lab compare --quick` {compared}."
        )


def minutes_of(runtimes: tuple[str, ...], *, dose: float = 1.0) -> int:
    """How long a quick run takes that names no experiment."""
    seconds = sum(expected_s(one, runtimes, quick=True, dose=dose) for one in select((), runtimes))
    return round((seconds + (differences.EXPECTED_S if len(runtimes) > 1 else finale.EXPECTED_S)) / 60)
