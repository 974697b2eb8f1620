"""Unit: what is said of the differences between runtimes follows from what was seen, and a fault is told by its cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.experiments import differences
from trio_lab.experiments.differences import SCENARIOS, Cells, places_freed
from trio_lab.records.queue import QueueStatistics
from trio_lab.stage.stage import Stage


@pytest.mark.parametrize(
    ("in_service", "waiting", "completions", "freed"),
    [
        (1, 0, 0, True),
        (1, 0, None, True),
        (1, 6, 0, False),
        (1, 0, 6, False),  # the last of those that left is served: they kept their places until their turn
        (0, 0, 7, False),
    ],
)
def test_places_are_free_at_once_only_while_the_first_job_has_the_thread(
    in_service: int, waiting: int, completions: int | None, freed: bool
) -> None:
    native = QueueStatistics(name="native_pool", in_service=in_service, waiting=waiting, completions=completions)
    assert places_freed(native) is freed


async def test_one_runtime_that_fails_is_told_by_its_cause_and_the_others_are_shown() -> None:
    async def see(stage: Stage, profile: str) -> list[Cells]:
        if stage.runtime == "node":
            raise ExceptionGroup("nursery", [RuntimeError("the port was taken")])
        return [[profile, "yes"]]

    scenario = replace(SCENARIOS[0], columns=("a", "b"), profiles=("guarded",), see=see)
    found = await differences._asked(scenario, ["trio", "node"])
    assert found.rows == (
        ("trio", "guarded", "guarded", "yes"),
        ("node", "guarded", "not seen: RuntimeError: the port was taken", ""),
    )
