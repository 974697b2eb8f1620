"""The tables at the end of a run, as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.report.compared import figure
from trio_lab.cli.tables import blocker_table, comparison_table, plain_table, show, verdict_table
from trio_lab.records.reading import read_results
from trio_lab.records.result import Results

SAMPLE = Path(__file__).parents[1] / "report" / "sample_results.json"


@pytest.fixture
def results() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return read


def compared(results: dict[str, Any], **figures: list[dict[str, Any]]) -> dict[str, Any]:
    experiments = [
        {"name": name, "title": name, "question": "?", "figures": found, "chart": None, "finding": "None."}
        for name, found in figures.items()
    ]
    return results | {"comparison": {"runtimes": ["trio", "asyncio"], "rounds": 1, "experiments": experiments}}


def read_compared(results: dict[str, Any], **figures: list[dict[str, Any]]) -> Results:
    return read_results(compared(results, **figures))


def lines(table: Any) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def test_verdicts_of_one_runtime_have_no_column_for_it(results: dict[str, Any]) -> None:
    head, first, *_ = lines(verdict_table(read_results(results)))
    assert head == "experiment outcome decisive figure first full queue"
    assert first.startswith("native-pool-saturation confirmed ")
    assert comparison_table(read_results(results)) is None


def test_verdicts_of_several_runtimes_have_one(results: dict[str, Any]) -> None:
    results["experiments"] = [results["experiments"][0] | {"runtime": name} for name in ("trio", "node")]
    head, *rows = lines(verdict_table(read_results(results)))
    assert head == "experiment runtime outcome decisive figure first full queue"
    assert [row.split()[1] for row in rows] == ["trio", "node"]


def test_comparison_names_an_experiment_once(results: dict[str, Any]) -> None:
    found = compared(results, storm=[figure((4,), (2,)), figure((4,), (4,))], leave=[figure((4,), (8,))])
    label = "/health p99 beside the load (lower)"
    assert lines(comparison_table(read_results(found))) == [
        "experiment figure (better) trio asyncio",
        f"storm {label} 4 ms: behind asyncio 2 ms, 0.5× trio's: better",
        f"{label} 4 ms: even 4 ms, 1× trio's: even",
        f"leave {label} 4 ms: ahead of asyncio 8 ms, 2× trio's: worse",
    ]


def test_brackets_from_a_file_are_brackets(results: dict[str, Any]) -> None:
    one = figure((4,), (2,)) | {"label": "[red]p99[/red]", "unit": "[b]"}
    assert "[red]p99[/red] (lower) 4 [b]" in lines(comparison_table(read_compared(results, **{"[i]": [one]})))[1]


def test_comparison_is_printed_before_the_verdicts(results: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show(read_compared(results, storm=[figure((4,), (2,))]))
    printed = capsys.readouterr().out
    assert printed.index("behind asyncio") < printed.index("first full queue")


def test_who_blocked_the_loop_is_told_for_each_experiment(results: dict[str, Any]) -> None:
    found = compared(results, storm=[figure((4,), (2,))], leave=[figure((4,), (8,))])
    assert blocker_table(read_results(found)) is None
    columns = ["runtime", "line", "cause", "request", "stalls", "all, ms", "longest, ms"]
    rows = [["trio", "app.py:1 in f", "python", "GET /a", 2, 30.0, 20.0], ["node", "it cannot tell", *[None] * 5]]
    for one in found["comparison"]["experiments"]:
        one["blockers"] = {"title": "Who blocked the loop", "columns": columns, "rows": rows, "note": None}
    table = blocker_table(read_results(found))
    assert table is not None
    assert lines(plain_table(table))[1:] == [
        " ".join(["experiment", *columns]),
        "storm trio app.py:1 in f python GET /a 2 30 20",
        "storm node it cannot tell",
        "leave trio app.py:1 in f python GET /a 2 30 20",
        "leave node it cannot tell",
    ]
