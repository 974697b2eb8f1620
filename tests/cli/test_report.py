"""`trio-lab report` makes the page again, and writes results only when a verdict has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trio_lab.cli.report import report

SAMPLE = Path(__file__).parents[1] / "report" / "sample_results.json"


@pytest.fixture
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    for experiment in found["experiments"]:
        experiment["evidence"]["charts"] = []
    return found


def test_a_file_whose_verdicts_stand_is_left_alone(results: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(results | {"of a newer version": 1}))
    before = (tmp_path / "results.json").read_bytes()
    report(tmp_path)
    assert (tmp_path / "results.json").read_bytes() == before
    assert "4 of 6 predictions held" in (tmp_path / "index.html").read_text()


def test_a_changed_figure_changes_the_verdict_and_the_file(
    results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results["experiments"][0]["evidence"]["figures"]["health_p99_ms"] = 900.0
    (tmp_path / "results.json").write_text(json.dumps(results))
    report(tmp_path, json_=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "results.json").read_text())
    first = printed["experiments"][0]
    assert (first["outcome"], first["evidence"]["checks"][0]["passed"]) == ("refuted", False)
    assert "3 of 6 predictions held" in (tmp_path / "index.html").read_text()
