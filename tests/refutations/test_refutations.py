"""Unit: every experiment has a plant that still fits its program. End to end: one of them, quick enough for every run."""

from __future__ import annotations

import ast

import pytest

from tests.planting import ROOT, copied, planted
from trio_lab.experiments.catalog import EXPERIMENTS
from trio_lab.experiments.model import Experiment

from .found import run
from .page import PAGE, rows
from .plants import PLANTS

# What a plant must leave alone: the experiment and what measures and judges for it.
LAB = {"experiments", "stage", "load", "measure", "diagnose", "records", "report", "cli"}


def test_every_experiment_has_a_plant() -> None:
    assert list(PLANTS) == [experiment.name for experiment in EXPERIMENTS]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_a_plant_changes_the_program_under_study_for_one_check(experiment: Experiment) -> None:
    plant = PLANTS[experiment.name]
    package, _, path = plant.fault.file.partition("/")
    assert package == "trio_lab"
    assert path.partition("/")[0] not in LAB
    ast.parse(plant.fault.planted_in((ROOT / plant.fault.file).read_text("utf-8")))
    assert plant.fails in {check.figure for check in experiment.checks}


def test_every_line_of_the_page_is_of_the_present_plant_and_refuted() -> None:
    found = rows(PAGE.read_text("utf-8"))
    assert found.keys() == PLANTS.keys()
    for name, row in found.items():
        assert f"| {PLANTS[name].what} | refuted" in row


def test_an_experiment_with_its_plant_is_refuted() -> None:
    name = "callback-order"  # one round decides it, whatever the machine does
    with copied("trio_lab") as copy, planted(copy, PLANTS[name].fault):
        result = run(copy, name)
    assert result.outcome == "refuted"
    assert PLANTS[name].fails in {check.figure for check in result.evidence.checks if check.passed is False}
