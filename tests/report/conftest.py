"""A run with every outcome and every kind of chart, as it lies on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
