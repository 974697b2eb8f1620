"""Figures and charts of starvation follow the runtime's modes, whatever those are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.diagnose.judge import checked
from trio_lab.experiments.cases.starvation import _WORST, EXPERIMENT, _charts, _figures, _Storm, _Storms
from trio_lab.http.contract import STORMS
from trio_lab.stage.load_step import step_of
from trio_lab.stage.loaded import Loaded

from ..records.loads import RESULT


def seen(health_ms: float) -> Loaded:
    """A probe that always waited so long."""
    waited = health_ms / 1e3
    probe = replace(RESULT, samples=tuple((1.0 + n / 50 + waited, waited) for n in range(50)))
    load = replace(RESULT, latency=replace(RESULT.latency, p50=0.25))  # what a storm takes
    return Loaded(load=load, probe=probe, step=step_of(RESULT, 0.0, []), cpu=1.0, jobs={})


def storms(runtime: str) -> _Storms:
    waits = {"starves": 300.0, "shares": 3.0, "crowds": 90.0}
    return _Storms(runtime, {mode: _Storm(seen(waits[effect]), 1.0, 1000) for mode, effect in STORMS[runtime].items()})


@pytest.mark.parametrize("runtime", STORMS)
def test_every_mode_has_its_figures_and_the_worst_of_each_kind_is_judged(runtime: str) -> None:
    found = storms(runtime)
    best = next(iter(found.by_mode))
    found.by_mode[best] = _Storm(seen(200.0), 1.0, 1000)  # the first mode starves: it is the mildest of them now
    figures = _figures(found)
    of_each = {"health_p99_ms", "longest_step_ms", "ticks", "storm_ms"}
    names = {f"{mode}_{figure}" for mode in STORMS[runtime] for figure in of_each}
    assert set(figures) == set(EXPERIMENT.declared(runtime)) == names | set(_WORST)
    assert (figures["starving_p99_ms"], figures["sharing_p99_ms"]) == (200.0, 3.0)
    assert [check.passed for check in checked(EXPERIMENT.checks, figures)] == [True, True]


@pytest.mark.parametrize("runtime", STORMS)
def test_a_chart_has_every_mode_once_and_no_empty_group(runtime: str) -> None:
    bars, over_time = _charts(storms(runtime))
    assert all(series.points for series in bars.series)
    assert sorted(str(x) for series in bars.series for x, _ in series.points) == sorted(STORMS[runtime])
    starving, sharing = over_time.series
    assert STORMS[runtime][starving.name] == "starves"
    assert STORMS[runtime][sharing.name] == "shares"


def test_on_trio_the_lines_over_time_are_of_no_checkpoint_and_of_checkpoint() -> None:
    _, over_time = _charts(storms("trio"))
    assert [series.name for series in over_time.series] == ["none", "checkpoint"]
