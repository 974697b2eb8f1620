"""Predictions of measured figures, and durations from files."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_commands import DOCS
from tests.experiments.taken import confirmed
from trio_lab.drills.catalog import DRILLS
from trio_lab.errors import UsageError
from trio_lab.experiments.catalog import EXPERIMENTS
from trio_lab.records.codec import to_plain
from trio_lab.records.conditions import Conditions
from trio_lab.records.figures import Figures
from trio_lab.records.load import Counts, Generator, Latencies, LoadResult
from trio_lab.records.result import Evidence, Results
from trio_lab.simulate.checked import _QUANTITIES, checked, figures_for
from trio_lab.simulate.measured_run import MeasuredRun
from trio_lab.simulate.play import play, shorter
from trio_lab.simulate.recorded import recorded
from trio_lab.simulate.scenario_file import ScenarioFile
from trio_lab.simulate.times import Times

EXAMPLES = DOCS / "examples"
ROUNDS = ({"few_rps": 40.0, "many_rps": 41.0, "many_p99_ms": 480.0},) * 5
DISTURBED: Figures = {"few_rps": 4.0, "many_rps": 4.0, "many_p99_ms": 4.0}


def results(**more: Any) -> dict[str, Any]:
    experiment = confirmed(
        "native-pool-saturation",
        Evidence(figures={"few_rps": 39.0, "only_median_ms": 5.0}),
        (*ROUNDS, {**ROUNDS[0], "few_rps": 42.0}, DISTURBED),
        (*(Conditions() for _ in range(6)), Conditions(counted=False)),
    )
    environment = {"cores_usable": 2}
    run = Results(
        created="2026-11-26T00:00:00Z",
        quick=True,
        duration=1.0,
        environment=environment,
        experiments=(replace(experiment, **more),),
    )
    return to_plain(run)


FILE = """
servers = 4
cores = 2
seconds = 10
[arrivals]
clients = 20
[service]
capacity = "few_rps"
[[check]]
experiment = "native-pool-saturation"
goodput = "many_rps"
response_p99 = "many_p99_ms"
[[check]]
experiment = "native-pool-saturation"
with = {cores = 1}
goodput = "many_rps"
"""


def test_figures_are_predicted_in_their_own_unit_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(FILE)
    rate, p99, half = checked(ScenarioFile(path=path), MeasuredRun.of(results()), 3)
    # Two cores at a capacity of 40/s serve 20 clients every half second.
    assert (rate.measured, rate.predicted) == (41.0, pytest.approx(40.0))
    assert rate.error == pytest.approx(40 / 41 - 1)
    assert rate.low == rate.high == rate.error
    assert (p99.figure, p99.predicted) == ("native-pool-saturation.many_p99_ms", pytest.approx(500.0, rel=0.01))
    assert (p99.holds, half.holds) == (True, True)  # the capacity stays what it is, whatever the cores
    assert replace(rate, error=-0.16).holds is False


@pytest.mark.parametrize("count", [0, 1])
def test_without_replications_a_prediction_has_no_interval(count: int, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(FILE)
    found = checked(ScenarioFile(path=path), MeasuredRun.of(results()), count)
    assert [(one.predicted > 0, one.low, one.high) for one in found] == [(True, None, None)] * 3


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('experiment = "native-pool-saturation"', "", r"a\.toml: check\[0\].experiment: is missing"),
        ("native-pool-saturation", "no-pool", "no 'no-pool' in these results"),
        ("many_rps", "no_rps", "native-pool-saturation has no figure 'no_rps'"),
        ('capacity = "few_rps"', 'capacity = "no_rps"', "no figure 'no_rps'"),
        ("goodput =", "godput =", r"check\[0\].godput: is not known here; did you mean goodput"),
        ("[[check]]", "[[checks]]", r"a\.toml: check: is missing"),
    ],
)
def test_what_cannot_be_checked_is_one_line(old: str, new: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(FILE.replace(old, new))
    file, run = ScenarioFile(path=path), MeasuredRun.of(results())
    with pytest.raises(UsageError, match=says):
        checked(replace(file, figure_of=figures_for(file, run)), run, 3)


def test_a_run_has_the_figures_of_rounds_that_count() -> None:
    run = MeasuredRun.of(results())
    assert run.figure("native-pool-saturation", "few_rps") == (40.0,) * 5 + (42.0,)
    assert run.middle("native-pool-saturation", "few_rps") == 40.0
    assert MeasuredRun.of(results(rounds=None, conditions=None)).middle("native-pool-saturation", "few_rps") == 39.0
    with pytest.raises(UsageError, match="no 'native-pool-saturation'"):
        MeasuredRun.of(results(failed=True)).figure("native-pool-saturation", "few_rps")


def test_a_drill_has_figures_too() -> None:
    control = {"twin": "", "failed": True, "broke": [], "figures": {}, "error": None}
    drill = {"name": "overload", "number": 7, "question": "", "passed": True, "figures": {"capacity_per_s": 40.0}}
    drill |= {"checks": [], "control": control, "duration_s": 1.0, "error": None}
    run = MeasuredRun.of({"drills": [drill], "gate": True, "dose": 1.0})
    assert run.middle("overload", "capacity_per_s") == 40.0


def load(latency: Latencies) -> dict[str, Any]:
    generator = Generator(cpu_share=0.1, late_p99=None, bottleneck=None, reconnects=0, abandoned=0)
    return to_plain(
        LoadResult(
            url="http://127.0.0.1:3000/",
            mode="closed",
            connections=1,
            duration=1.0,
            requests=Counts(),
            throughput=1.0,
            goodput=1.0,
            latency=latency,
            status={},
            offered=None,
            service=latency,
            shed=Latencies(),
            error_kinds={},
            series=(),
            generator=generator,
        )
    )


def test_durations_come_from_a_list_a_run_or_a_load(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text("[0.5, 1, 1.5]")
    assert recorded(path) == Times(kind="recorded", values=(0.5, 1.0, 1.5))
    path.write_text(json.dumps(results()))
    assert recorded(path).values[0] == pytest.approx(2 / 41)  # two cores serve 41 a second
    assert recorded(path, "native-pool-saturation.many_p99_ms").values == (0.48,) * 6
    times = Times(kind="lognormal", mean=0.1, sigma=0.5)
    wanted = Latencies(p50=0.1 * math.exp(-0.125), p99=times.p99)
    path.write_text(json.dumps(load(wanted)))
    found = recorded(path)
    assert (found.kind, found.mean, found.sigma) == (
        "lognormal",
        pytest.approx(0.1, rel=1e-3),
        pytest.approx(0.5, rel=1e-3),
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1, true]", "numbers of seconds only, not 'True'"),
        ("[-1]", "must not be negative"),
        ("[]", "need values"),
        ("{}", "not a results file"),
        ("[1,", "is not JSON"),
        (json.dumps(load(Latencies())), "no request was answered"),
    ],
)
def test_a_file_without_durations_is_one_line(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=says) as raised:
        recorded(path)
    assert str(path) in str(raised.value)


def test_a_figure_that_is_neither_a_time_nor_a_rate_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results(rounds=({"waiting_gain": 3.0},), conditions=None)))
    with pytest.raises(UsageError, match="neither a duration"):
        recorded(path, "native-pool-saturation.waiting_gain")


@pytest.mark.parametrize(
    "path", [EXAMPLES / "queue.toml", *sorted(EXAMPLES.glob("predict-*.toml"))], ids=lambda path: path.stem
)
def test_every_example_can_be_played_and_names_figures_that_are_measured(path: Path) -> None:
    declared: set[str] = set()
    for table in tomllib.loads(path.read_text()).get("check", ()):
        if "drill" in table:
            (drill,) = (one for one in DRILLS if one.name == table["drill"])
            declared = set(drill.declared)
        else:
            (experiment,) = (one for one in EXPERIMENTS if one.name == table["experiment"])
            declared = set(experiment.declared("trio"))
        assert {figure for key, figure in table.items() if key in _QUANTITIES} <= declared
    asked: list[str] = []
    scenario = ScenarioFile(path=path, figure_of=lambda name: asked.append(name) or 40.0).read()
    assert set(asked) <= declared
    assert play(shorter(replace(scenario, seconds=None, requests=100, warm_up=0.0), 100)).came >= 100
