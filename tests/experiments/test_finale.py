"""Unit: the doctor at the end of a lab. What goes wrong is told, and the run goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trio_lab.doctor.ramp import Budget
from trio_lab.experiments.finale import EXPECTED_S, PATH, examined, expected_s
from trio_lab.stage.server import Server
from trio_lab.stage.stage import Stage


class NoPort(Stage):
    @asynccontextmanager
    async def server(self, *flags: str, runtime: str | None = None) -> AsyncIterator[Server]:
        raise ExceptionGroup("nursery", [RuntimeError("the port\nwas taken")])
        yield


def test_how_long_it_takes_follows_from_the_dose() -> None:
    full, ramp = Stage(quick=False), Budget.of(quick=False).seconds
    assert expected_s(Stage(quick=True)) == EXPECTED_S
    assert expected_s(full) > ramp
    assert expected_s(Stage(quick=False, dose=0.5)) == expected_s(full) - ramp / 2


async def test_a_server_that_cannot_start_is_told() -> None:
    kept: list[object] = []
    found = await examined(PATH, NoPort(quick=True), on_step=lambda plan: None, keep=kept.append)
    assert (found.diagnosis, found.timeline, kept) == (None, None, [])
    assert found.failed == "It could not be run: RuntimeError: the port was taken."
