"""What one task's error does to the two beside it, on each runtime."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from trio_lab.subjects.answers import Siblings

from .programs import EVERY_RUNTIME, answer

# (siblings ended, completed after the error, the parent waited for both, the error reached the parent)
KNOWN = {
    "trio": {"nursery": (2, 0, True, True)},
    "asyncio": {
        "TaskGroup": (2, 0, True, True),
        "gather": (0, 2, False, True),
        "gather(return_exceptions=True)": (0, 2, True, False),
        "create_task alone": (0, 2, False, False),
    },
    "node": {
        "Promise.all": (0, 2, False, True),
        "Promise.allSettled": (0, 2, True, False),
        "a rejection that nobody handles": (2, 0, False, False),
    },
}


@pytest.mark.parametrize("runtime", EVERY_RUNTIME)
def test_siblings_of_a_task_that_fails(runtime: str) -> None:
    rows = answer(Siblings, runtime).rows
    assert {row.construct: astuple(row)[1:] for row in rows} == KNOWN[runtime]


def test_an_error_that_nobody_awaits_is_heard_by_the_loop_alone() -> None:
    assert answer(Siblings, "asyncio").errors_never_retrieved == 1
