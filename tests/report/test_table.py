"""The verdict table, and how figures are written."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.report.from_json import verdict_rows
from trio_lab.errors import UsageError
from trio_lab.records.figures import Check
from trio_lab.records.reading import read_results
from trio_lab.records.result import Comparison
from trio_lab.report import table
from trio_lab.report.section import checks_table
from trio_lab.report.table import describe, format_duration, format_figure, format_range, measured


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.2, "ms", "3.2 ms"),
        (3.0, "ms", "3 ms"),
        (0.01234, "s", "0.0123 s"),
        (99.96, "", "100"),
        (812.4, "ms", "812 ms"),
        (12345, "", "12,345"),
        (-4.5, "", "-4.5"),
        (0, "", "0"),
        (1e-9, "s", "1.00e-09 s"),
        (23.1, "%", "23.1 %"),
        (1.874, "×", "1.87×"),
        (25e9, "B", "25 GB"),
        (1.5, "x", "1.5×"),
        (100, "", "100"),
        (9.996, "", "10"),
        (1e15, "", "1.00e+15"),
        (1e-6, "s", "0.000001 s"),
        (412_000_000, "bytes", "412 MB"),
        (999, "B", "999 B"),
        (1000, "B", "1 kB"),
        (-2000, "B", "-2 kB"),
        (1e12, "B", "1 TB"),
        (1.2e15, "B", "1,200 TB"),
        (None, "ms", "not measured"),
        (math.nan, "ms", "not measured"),
        (math.inf, "B", "not measured"),
    ],
)
def test_figure_is_short_and_carries_its_unit(value: float | None, unit: str, text: str) -> None:
    assert format_figure(value, unit) == text


def test_figure_has_no_unit_unless_one_is_named() -> None:
    assert format_figure(3.0) == "3"


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (3.0, 3.5, "ms", "3–3.5"),
        (3.001, 3.002, "ms", ""),  # the same to a reader
        (3.0, None, "ms", ""),
        (None, 3.0, "ms", ""),
        (3.0, math.inf, "ms", ""),
        (2e6, 3e9, "B", "2 MB–3 GB"),
        (2e6, 3e9, "bytes", "2 MB–3 GB"),
    ],
)
def test_a_range_has_two_ends_or_is_none(low: float | None, high: float | None, unit: str, text: str) -> None:
    assert format_range(low, high, unit) == text


@pytest.mark.parametrize(("seconds", "text"), [(21.3, "21.3 s"), (60, "1 min"), (140.2, "2 min 20 s")])
def test_duration_is_said_as_a_person_would(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("ran", "compared", "named"),
    [
        ("a trio, b trio", False, False),
        ("a trio, a trio", False, False),
        ("a trio", True, False),
        ("a trio, b node", False, False),  # b watches another runtime by itself
        ("a trio, b node", True, True),
        ("a trio, a node", False, True),
    ],
)
def test_a_row_names_its_runtime_when_an_experiment_was_meant_for_several(
    light: dict[str, Any], ran: str, compared: bool, named: bool
) -> None:
    run = read_results(light)
    pairs = [one.split() for one in ran.split(", ")]
    run = replace(
        run,
        experiments=tuple(replace(run.experiments[0], name=name, runtime=runtime) for name, runtime in pairs),
        comparison=Comparison(runtimes=(), rounds=1, experiments=()) if compared else None,
    )
    assert [row.runtime for row in table.verdict_rows(run)] == [runtime if named else "" for _, runtime in pairs]


def test_one_row_an_experiment_in_the_order_they_ran(light: dict[str, Any]) -> None:
    rows = [(row.name, row.outcome, row.decisive, row.first_full) for row in verdict_rows(light)]
    claim = "/health p99 while /hash is saturated"
    assert rows == [
        ("native-pool-saturation", "confirmed", f"{claim} 3.2 ms (< 25 ms)", "native_pool"),
        (
            "native-pool-sizing",
            "refuted",
            "loss from as many as cores to eight times that 23.1 % (not < 10 %)",
            "native_pool",
        ),
        ("blocked-loop", "confirmed", "/health p99 with the blocking call 198 ms (≥ 150 ms)", "run_queue"),
        ("starvation", "undecided", "timer delay on node not measured (> 100 ms)", "not observed"),
        ("worker-offload", "confirmed", "loop delay p99 with worker processes 1.1 ms (< 5 ms)", "worker_pool"),
        ("impatient-clients", "confirmed", "goodput without a limit 5.5 % (< 10 %)", "native_pool"),
    ]


@pytest.mark.parametrize(
    ("passed", "decisive"),
    [((True, True), 0), ((True, None), 1), ((None, False), 1), ((True, False), 1), ((False, False), 0)],
)
def test_failure_decides_before_gap_and_gap_before_success(
    light: dict[str, Any], passed: tuple[bool | None, ...], decisive: int
) -> None:
    checks = [
        {
            "claim": f"claim {n}",
            "figure": "size",
            "relation": "<",
            "bound": 1,
            "measured": 2,
            "unit": "ms",
            "passed": one,
        }
        for n, one in enumerate(passed)
    ]
    light["experiments"][0]["evidence"]["checks"] = checks
    assert verdict_rows(light)[0].decisive.startswith(f"claim {decisive} ")


def test_experiment_without_checks_has_no_decisive_figure(light: dict[str, Any]) -> None:
    light["experiments"][0]["evidence"]["checks"] = []
    light["experiments"][0]["first_full"] = "none"
    row = verdict_rows(light)[0]
    assert (row.decisive, row.first_full) == ("–", "none")


def test_rows_hold_nothing_that_steers_a_terminal(light: dict[str, Any]) -> None:
    light["experiments"][0]["name"] = "a\x1b[2Jb\nc"
    assert verdict_rows(light)[0].name == "a [2Jb c"


@pytest.mark.parametrize("results", [{}, [], {"schema": 2, "experiments": []}, {"schema": 1, "experiments": [3]}])
def test_what_is_not_a_run_is_refused(results: Any) -> None:
    with pytest.raises(UsageError):
        verdict_rows(results)


@pytest.mark.parametrize(
    ("figure", "passed", "said"),
    [(7.0, True, "7 ms"), (None, False, "infinite"), (math.inf, False, "infinite"), (None, None, "not measured")],
)
def test_a_figure_that_was_judged_is_never_told_as_not_measured(
    figure: float | None, passed: bool | None, said: str
) -> None:
    check = Check(claim="p50", figure="p50", measured=figure, unit="ms", relation="<", bound=10, passed=passed)
    assert measured(check) == said
    assert said in describe(check)
    assert f"<b>{said}</b>" in checks_table((check,))
