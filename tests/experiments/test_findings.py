"""What an experiment says of its figures cannot contradict them, whatever they are."""

from __future__ import annotations

import ast
import inspect
import math
import re
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_lab.experiments.catalog import EXPERIMENTS
from trio_lab.experiments.model import Experiment
from trio_lab.experiments.reading import Reading
from trio_lab.experiments.rounds import judged
from trio_lab.records.figures import Figures

from .taken import taken

# Words that claim something of figures. They may only come from `Reading`, which a figure or a verdict tells what to say.
CLAIMS = {
    "stayed",
    "grew",
    "fell",
    "rose",
    "shrank",
    "sank",
    "more",
    "less",
    "fewer",
    "faster",
    "slower",
    "larger",
    "smaller",
    "higher",
    "lower",
    "better",
    "worse",
    "same",
    "nearly",
    "only",
    "never",
    "always",
    "no",
    "none",
    "nobody",
    "nothing",
    "all",
    "halved",
    "doubled",
    "enough",
}
FIGURES = st.none() | st.sampled_from([0.0, 1.0, 1e-9, 1e12, -1.0, math.inf, -math.inf]) | st.floats(0.001, 1e4)


def claims(experiment: Experiment) -> set[str]:
    """The claims in the fixed words of a finding: not in names of figures, nor in words that a figure chooses."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(experiment.finding)))
    reads = {"chosen", "said", "change"}
    chosen = {
        inner
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in reads)
        or isinstance(node, ast.Subscript)
        for inner in ast.walk(node)
    }
    texts = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in chosen
    )
    return {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} & CLAIMS


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)
def test_words_that_claim_something_are_chosen_by_figures(experiment: Experiment) -> None:
    assert claims(experiment) == set()


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)
@given(data=st.data())
@settings(max_examples=40)
def test_a_finding_can_be_said_of_any_figures(experiment: Experiment, data: st.DataObject) -> None:
    figures: Figures = {name: data.draw(FIGURES, label=name) for name in experiment.declared("trio")}
    said = experiment.finding(Reading(figures, judged(experiment.checks, [taken(figures)] * 6)))
    assert not re.search(r"\b(nan|inf|None)\b", said), said


@pytest.mark.parametrize(
    ("name", "ratio", "of"),
    [
        ("impatient-clients", "bulkhead_share", ("bulkhead_goodput_rps", "capacity_rps")),
        ("impatient-clients", "control_share", ("control_goodput_rps", "capacity_rps")),
        ("worker-scaling", "throughput_gain", ("two_workers_rps", "one_worker_rps")),
        ("native-pool-saturation", "throughput_growth", ("many_rps", "few_rps")),
        ("native-pool-saturation", "latency_growth", ("many_p50_ms", "few_p50_ms")),
    ],
)
def test_a_ratio_does_not_stand_beside_both_of_its_figures(name: str, ratio: str, of: tuple[str, str]) -> None:
    """Each is a median by itself, so the one need not be the quotient of the others."""
    (experiment,) = (one for one in EXPERIMENTS if one.name == name)
    figures = dict.fromkeys(experiment.declared("trio"), 1.0) | {ratio: 7.77, of[0]: 444.0, of[1]: 55.5}
    said = experiment.finding(Reading(figures, judged(experiment.checks, [taken(figures)] * 6)))
    assert "7.77×" in said
    assert not ("444" in said and "55.5" in said)


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (1.0, "stayed what it was"),
        (1.09, "stayed what it was"),
        (0.91, "stayed what it was"),
        (1.29, "grew to 1.29×"),
        (0.5, "fell to 0.5×"),
        (None, "changed by a factor that was not measured"),
        (math.inf, "changed by a factor that was not measured"),
    ],
)
def test_a_change_is_told_by_its_ratio(ratio: float | None, said: str) -> None:
    assert Reading({"growth": ratio}).change("growth") == said


def test_a_text_is_chosen_by_the_verdict() -> None:
    (experiment,) = (one for one in EXPERIMENTS if one.name == "native-pool-saturation")
    check = experiment.checks[0]
    for value, said in ((0.0, "yes"), (1e9, "no"), (None, "open")):
        reading = Reading({}, judged([check], [taken({check.figure: value})] * 6))
        assert reading.chosen(check.figure, holds="yes", fails="no", undecided="open") == said
