"""The report's functions for results as JSON holds them, which is how these tests write them down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trio_lab.records.chart import Chart
from trio_lab.records.reading import read, read_results
from trio_lab.report import charts, files, page, standing, table
from trio_lab.report.standing import ComparisonRow
from trio_lab.report.table import VerdictRow


def read_chart(chart: dict[str, Any]) -> Chart:
    return read(Chart, chart, "chart")


def draw(*drawn: dict[str, Any]) -> str:
    read = [read_chart(chart) for chart in drawn]
    return charts.draw(read[0].title, *read)


def render(results: Any) -> str:
    return page.render(read_results(results))


def verdict_rows(results: Any) -> list[VerdictRow]:
    return table.verdict_rows(read_results(results))


def comparison_rows(results: Any) -> list[ComparisonRow]:
    return standing.comparison_rows(read_results(results))


def save(results: Any, directory: Path) -> Path:
    return files.save(read_results(results), directory)
