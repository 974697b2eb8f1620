"""The page of a simulation: everything that was found is on it, and what was not is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from trio_lab.errors import UsageError
from trio_lab.report.simulated import render, save
from trio_lab.simulate.answer import Answer, answer
from trio_lab.simulate.checked import Checked
from trio_lab.simulate.scenario_file import ScenarioFile

QUEUE = """
requests = 300
servers = 2
[arrivals]
rate = 1.5
[service]
kind = "exponential"
mean = 1
"""
CHECK = Checked(figure="a.b_ms", quantity="wait_p50", measured=5.0, predicted=6.0, error=0.2, low=0.1, high=None)


def found(folder: Path, *, charts: bool, replications: int = 0) -> Answer:
    path = folder / "queue.toml"
    path.write_text(QUEUE)
    return answer(ScenarioFile(path=path), charts=charts, replications=replications)


def test_a_page_has_charts_theory_and_checks(tmp_path: Path) -> None:
    whole = found(tmp_path, charts=True, replications=3)
    page = render(replace(whole, checks=(CHECK,)), "<queue>")
    for said in ("&lt;queue&gt;", "Wait", "Goodput", "Shed", "Utilization", "M/M/2 (Erlang C)", "a.b_ms", "+20.0%"):
        assert said in page
    assert page.count("<h4>") == 4


def test_a_page_without_them_has_the_figures(tmp_path: Path) -> None:
    page = render(found(tmp_path, charts=False), "queue")
    assert "How long it took" in page
    assert "Against" not in page
    assert "<svg" not in page


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        save(found(tmp_path, charts=False), tmp_path / "queue.toml", name="queue")
