"""A run with every outcome and every kind of chart, as it lies on disk."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.report.compared import figure

SAMPLE = Path(__file__).with_name("sample_results.json")


@pytest.fixture
def sample() -> dict[str, Any]:
    results: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return results


@pytest.fixture
def light(sample: dict[str, Any]) -> dict[str, Any]:
    """The same run without charts, for tests that only read."""
    for experiment in sample["experiments"]:
        experiment["evidence"]["charts"] = []
    return sample


@pytest.fixture
def comparison(sample: dict[str, Any]) -> dict[str, Any]:
    """The same run on three runtimes, with a comparison of two of its experiments; the others are trio's alone."""
    charts = sample["experiments"][0]["evidence"]["charts"]
    first, second, *rest = sample["experiments"]
    for experiment in sample["experiments"]:
        experiment["evidence"]["charts"] = []
        experiment["runtime"] = "trio"
    runtimes = ("trio", "asyncio", "node")
    sample["experiments"] = [deepcopy(one) | {"runtime": name} for one in (first, second) for name in runtimes] + rest
    sample["comparison"] = {
        "runtimes": list(runtimes),
        "missing": {},
        "rounds": 2,
        "experiments": [
            {
                "name": one["name"],
                "title": f"Compared: {one['title']}",
                "question": one["question"],
                "figures": figures,
                "chart": chart,
                "finding": "Node is first.",
            }
            for one, figures, chart in (
                (first, [figure((3.0, 3.5), (2.1, 2.8), (3.1, 3.4))], charts[0]),
                (second, [figure((40, 42), (30, 31), (50, 52), better="higher")], None),
            )
        ],
        "differences": [
            {
                "name": "disconnect",
                "title": "A client leaves",
                "question": "What becomes of its work?",
                "columns": ["runtime", "profile", "work done for nobody"],
                "rows": [["trio", "guarded", "0 of 12"], ["node", "naive", 12], ["asyncio", "naive", None]],
                "note": "Counted by `/health`.",
            }
        ],
    }
    return sample
