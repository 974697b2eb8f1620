"""Unit: experiments as data, and the runner around one that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_lab.diagnose.judge import checked
from trio_lab.diagnose.ratios import ratios
from trio_lab.errors import UsageError
from trio_lab.experiments import cases, runner
from trio_lab.experiments.catalog import EXPERIMENTS, select
from trio_lab.experiments.model import Collected, Experiment
from trio_lab.experiments.runner import judged_again, run_experiments
from trio_lab.records.figures import Check
from trio_lab.records.result import Results
from trio_lab.report.page import render
from trio_lab.stage.stage import Stage


def experiment(collect: Any) -> Experiment:
    return Experiment(
        name="example",
        title="An example",
        order=1,
        expected_s=1,
        question="Is it small?",
        prediction="It is.",
        figures=("size",),
        checks=(Check(claim="size", figure="size", relation="<", bound=10),),
        advice="None.",
        collect=collect,
    )


async def run(collect: Any, monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(runner, "select", lambda names, runtimes: (experiment(collect),))
    said: list[str] = []
    results = await run_experiments((), quick=True, say=said.append)
    assert any("example" in line for line in said)
    render(results)  # the report can show whatever the runner makes
    return results


async def test_figures_become_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        stage.notes.append("the generator was busy")
        return Collected(figures={"size": 12.0}, charts=(), finding="It was 12.")

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.outcome == "refuted"
    assert result.notes == ("the generator was busy",)
    assert not result.failed


async def test_an_experiment_that_fails_is_said_and_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        raise ExceptionGroup("nursery", [RuntimeError("the server ended\nwith exit code 1")])

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.outcome == "not enough data"
    assert result.finding == "It could not be run: RuntimeError: the server ended with exit code 1."
    assert result.failed


async def test_nothing_counted_is_not_enough_data_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        raise ExceptionGroup("nursery", [ZeroDivisionError("float division by zero")])

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.outcome == "not enough data"
    assert not result.failed


async def test_a_share_of_nothing_is_no_failure_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine so busy that the bare threads have ended no job in a round."""

    async def collect(stage: Stage) -> Collected:
        return Collected(figures={"size": ratios([1.0], [0.0])[0]}, charts=(), finding="")

    (result,) = (await run(collect, monkeypatch)).experiments
    assert not result.failed


async def test_verdicts_are_made_again_from_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        return Collected(figures={"size": 2.0}, charts=(), finding="It was 2.")

    results = await run(collect, monkeypatch)
    results.experiments[0].evidence.figures["size"] = 20.0
    assert judged_again(results).experiments[0].outcome == "refuted"


def test_every_case_is_found_and_has_a_place_of_its_own_in_the_lab() -> None:
    files = Path(cases.__path__[0]).glob("[!_]*.py")
    assert {entry.name for entry in EXPERIMENTS} == {file.stem.replace("_", "-") for file in files}
    orders = [entry.order for entry in EXPERIMENTS]
    assert orders == sorted(set(orders))


def test_select_keeps_the_labs_order_and_knows_its_names() -> None:
    names = tuple(entry.name for entry in EXPERIMENTS)
    assert tuple(entry.name for entry in select(())) == tuple(entry.name for entry in EXPERIMENTS if entry.lab)
    assert [entry.name for entry in select((names[2], names[0]))] == [names[0], names[2]]
    with pytest.raises(UsageError, match="sizing-up"):
        select(("sizing-up",))


def test_what_is_about_trio_alone_is_not_compared() -> None:
    compared = select((), ("trio", "asyncio"))
    assert "disconnect" in {entry.name for entry in compared}
    assert all(entry.compared or entry.across for entry in compared)
    with pytest.raises(UsageError, match="worker-scaling is about Trio alone"):
        select(("worker-scaling",), ("trio", "node"))


@pytest.mark.parametrize("entry", EXPERIMENTS, ids=lambda entry: entry.name)
def test_every_experiment_can_be_refuted(entry: Experiment) -> None:
    assert entry.checks
    for check in entry.checks:
        beyond = {"<": check.bound + 1, "<=": check.bound + 1, ">": check.bound - 1, ">=": check.bound - 1}
        assert checked([check], {check.figure: beyond[check.relation]})[0].passed is False


async def test_a_server_that_cannot_start_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    stage = Stage(quick=True)
    with pytest.raises((RuntimeError, ExceptionGroup)):
        async with stage.server("--threads", "0"):
            pass
    assert "threads must be between" in capfd.readouterr().err
