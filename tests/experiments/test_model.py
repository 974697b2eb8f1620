"""Unit: experiments as data, and the runner around one that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from trio_lab.diagnose.judge import checked
from trio_lab.diagnose.ratios import ratios
from trio_lab.doctor.ramp import Plan
from trio_lab.errors import UsageError, in_a_line
from trio_lab.experiments import cases, finale, measuring, runner
from trio_lab.experiments.catalog import EXPERIMENTS, select
from trio_lab.experiments.model import Collected, Experiment
from trio_lab.experiments.runner import begun, go_on, judged_again, planned, run_experiments
from trio_lab.experiments.show import Show
from trio_lab.records.codec import decode, encode
from trio_lab.records.conditions import Conditions, Disturbance
from trio_lab.records.figures import Check
from trio_lab.records.result import Examined, Results
from trio_lab.report.page import render
from trio_lab.stage.stage import Stage

from .taken import QuietMachine


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
        finding=lambda found: "It ran.",
        collect=collect,
    )


async def run(collect: Any, monkeypatch: pytest.MonkeyPatch, machine: type = QuietMachine) -> Results:
    monkeypatch.setattr(runner, "select", lambda names, runtimes: (experiment(collect),))
    monkeypatch.setattr(measuring, "Watch", machine)
    show = Said()
    results = await run_experiments(("example",), quick=True, show=show)
    assert any("example" in line for line in show.lines)
    render(results)  # the report can show whatever the runner makes
    return results


class Said(Show):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, text: str, expected: float) -> None:
        self.lines.append(text)


async def test_figures_become_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        stage.notes.append("the generator was busy")
        return Collected(figures={"size": 12.0}, charts=())

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.outcome == "refuted"
    assert result.notes == ("the generator was busy",)
    assert not result.failed


async def test_an_experiment_that_fails_is_said_and_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        raise ExceptionGroup("nursery", [RuntimeError("the server ended\nwith exit code 1")])

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.outcome == "undecided"
    assert result.finding == "It could not be run: RuntimeError: the server ended with exit code 1."
    assert result.failed


@asynccontextmanager
async def ends_badly() -> AsyncIterator[Any]:
    yield SimpleNamespace(child=SimpleNamespace(process=SimpleNamespace(returncode=None)))
    raise RuntimeError("the server ended with exit code 1")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_kept_server_that_ends_badly_loses_no_figures_and_does_not_end_the_run(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def collect(stage: Stage) -> Collected:
        await stage.kept_as("server", ends_badly)
        if fails:
            raise ConnectionRefusedError("it is gone")
        return Collected(figures={"size": 2.0}, charts=())

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.notes == ("a server that was kept ended badly: RuntimeError: the server ended with exit code 1",)
    assert (result.failed, result.outcome) == ((True, "undecided") if fails else (False, "confirmed"))
    assert ("it is gone" in result.finding) is fails


class BusyMachine(QuietMachine):
    def conditions(self) -> Conditions:
        return Conditions(others=0.9, disturbance="much")


async def test_a_round_waits_for_a_quiet_moment_after_one_that_does_not_count(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disturbances: list[Disturbance] = ["none", "much", "some", "much", "much", "none", "none", "none", "none"]
    left = iter(disturbances)

    class Machine(QuietMachine):
        def conditions(self) -> Conditions:
            return Conditions(disturbance=next(left))

    happened: list[float | str] = []

    async def wait_quiet(patience: float) -> float:
        happened.append(patience)
        return min(patience, 5.0)

    async def collect(stage: Stage) -> Collected:
        happened.append("round")
        await trio.sleep(4)
        return Collected(figures={"size": 8.0 if len(happened) % 2 else 12.0}, charts=())

    monkeypatch.setattr(measuring, "wait_quiet", wait_quiet)
    (result,) = (await run(collect, monkeypatch, Machine)).experiments
    waits = [what for what in happened if what != "round"]
    assert happened[:6] == ["round", "round", 4.0, "round", "round", pytest.approx(8.0 - 4.0)]
    assert waits == [4.0, pytest.approx(4.0), pytest.approx(10.0 - 8.0)]  # half of 8, 16 and 20 s, less what was waited
    assert result.duration == pytest.approx(len(disturbances) * 4.0)  # without the waits


@pytest.mark.parametrize(
    ("machine", "rounds", "said"),
    [(BusyMachine, 9, "It ran."), (QuietMachine, 3, "It could not be run: TooSlowError.")],
)
async def test_a_time_limit_that_runs_out_on_a_busy_machine_is_no_fault(
    machine: type, rounds: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[Stage] = []

    async def collect(stage: Stage) -> Collected:
        began.append(stage)
        if len(began) == 3:
            raise trio.TooSlowError
        return Collected(figures={"size": 12.0 if len(began) % 2 else 8.0}, charts=())

    (result,) = (await run(collect, monkeypatch, machine)).experiments
    assert (len(began), result.outcome, result.finding) == (rounds, "undecided", said)
    assert result.failed is (machine is QuietMachine)


async def test_each_experiment_is_kept_as_soon_as_it_is_done_and_the_rest_can_be_run_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []

    async def collect(stage: Stage, name: str) -> Collected:
        ran.append(name)
        if ran.count("b") == 3:
            scope.cancel()  # as Ctrl-C does, in the middle of the second
        await trio.lowlevel.checkpoint()
        return Collected(figures={"size": 1.0}, charts=())

    def chosen(names: tuple[str, ...], runtimes: tuple[str, ...]) -> tuple[Experiment, ...]:
        return tuple(replace(experiment(partial(collect, name=name)), name=name) for name in ("a", "b", "c"))

    monkeypatch.setattr(runner, "select", chosen)
    monkeypatch.setattr(measuring, "Watch", QuietMachine)
    kept: list[Results] = []
    with trio.CancelScope() as scope:
        await go_on(begun(planned(("a", "b", "c")), quick=True), show=Show(), keep=kept.append)
    (run,) = kept
    assert [one.name for one in run.experiments] == ["a"]
    assert run.missing == ("b", "c")
    whole = await go_on(decode(Results, encode(run)), show=Show())
    assert [one.name for one in whole.experiments] == ["a", "b", "c"]
    assert whole.missing == ()
    assert ran == ["a"] * 6 + ["b"] * 3 + ["b"] * 6 + ["c"] * 6


async def test_what_could_not_be_run_is_run_again_when_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [RuntimeError("the port was taken")]

    async def collect(stage: Stage) -> Collected:
        if faults:
            raise faults.pop()
        return Collected(figures={"size": 1.0}, charts=())

    again = await go_on(await run(collect, monkeypatch), show=Show())
    (result,) = again.experiments
    assert (result.failed, result.outcome) == (False, "confirmed")


async def test_a_whole_lab_ends_with_the_doctor_and_goes_on_until_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[str] = []

    async def collect(stage: Stage) -> Collected:
        return Collected(figures={"size": 1.0}, charts=())

    async def examined(path: str, stage: Stage, *, on_step: Any, keep: Any) -> Examined:
        came.append(path)
        if len(came) == 1:
            scope.cancel()  # as Ctrl-C does
            await trio.lowlevel.checkpoint()
        on_step(Plan(part="ramp", duration=1.0, round=1, rate=12.5))
        failed = "It could not be run: no port." if len(came) == 2 else None
        return Examined(path=path, duration=1.0, diagnosis=None, timeline=None, failed=failed)

    monkeypatch.setattr(runner, "select", lambda names, runtimes: (experiment(collect),))
    monkeypatch.setattr(measuring, "Watch", QuietMachine)
    monkeypatch.setattr(finale, "examined", examined)
    kept: list[Results] = []
    with trio.CancelScope() as scope:
        await go_on(begun(planned(()), quick=True), show=Show(), keep=kept.append)
    assert [(one.missing, one.unexamined) for one in kept] == [((), True)]
    said = Phases()
    failed = await go_on(decode(Results, encode(kept[-1])), show=said, keep=kept.append)
    assert said.phases == [("round 2", "12.5 requests a second")]
    assert failed.unexamined, "what could not be run is run again"
    whole = await go_on(decode(Results, encode(kept[-1])), show=Show())
    assert not whole.unexamined
    assert (await go_on(whole, show=Show())).doctor == whole.doctor
    assert came == ["/hash"] * 3


class Phases(Show):
    def __init__(self) -> None:
        self.phases: list[tuple[str, str]] = []

    def phase(self, where: str, text: str) -> None:
        if "requests" in text:
            self.phases.append((where, text))


@pytest.mark.parametrize("found", [{}, {"size": 9.0, "more": 1.0}])
async def test_figures_other_than_the_declared_ones_are_a_failure(
    found: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def collect(stage: Stage) -> Collected:
        return Collected(figures=found, charts=())

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.failed
    assert "declared" in result.finding


async def test_nothing_counted_is_undecided_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        raise ExceptionGroup("nursery", [ZeroDivisionError("float division by zero")])

    (result,) = (await run(collect, monkeypatch)).experiments
    assert result.outcome == "undecided"
    assert not result.failed


async def test_a_share_of_nothing_is_no_failure_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine so busy that the bare threads have ended no job in a round."""

    async def collect(stage: Stage) -> Collected:
        return Collected(figures={"size": ratios([1.0], [0.0])[0]}, charts=())

    (result,) = (await run(collect, monkeypatch)).experiments
    assert not result.failed


async def test_verdicts_are_made_again_from_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def collect(stage: Stage) -> Collected:
        return Collected(figures={"size": 2.0}, charts=())

    results = await run(collect, monkeypatch)
    (result,) = results.experiments
    assert result.outcome == "confirmed"
    for figures in result.rounds or ():
        figures["size"] = 20.0
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


async def test_a_server_that_cannot_start_is_an_error() -> None:
    stage = Stage(quick=True)
    with pytest.raises((RuntimeError, ExceptionGroup)) as caught:
        async with stage.server("--threads", "0"):
            pass
    assert "threads must be between" in in_a_line(caught.value)
