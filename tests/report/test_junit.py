"""The verdict as JUnit XML: what CI systems count is in it, whatever a text says."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from trio_lab.records.slo import Objective, SloResult
from trio_lab.report.junit import junit_xml


def objective(passed: bool | None, **changed: object) -> Objective:
    return Objective(
        **{"claim": "p99 < 200ms", "figure": "p99", "relation": "<", "bound": 200, "passed": passed, **changed}
    )


def test_every_objective_is_a_test_case_and_the_counts_agree() -> None:
    measured = {"measured": 250.0, "low": 210.0, "high": float("inf"), "unit": "ms"}
    objectives = [
        objective(True, measured=12.0, low=12.0, high=12.0, unit="ms"),
        objective(False, **measured, note="a <b> & 'c' \x00"),
        objective(None, **measured),
        objective(None, skipped=True, note="not measured in this run"),
    ]
    text = junit_xml(SloResult.of(objectives), suite="load of http://x/?a=1&b=<2>", seconds=10)
    (suite,) = Xml.fromstring(text)
    cases = suite.findall("testcase")
    assert suite.get("name") == "load of http://x/?a=1&b=<2>"
    assert len(cases) == int(suite.get("tests", "")) == 4
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures", "")) == 1
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", "")) == 2
    assert all(case.get("classname") and case.get("name") and case.get("time") for case in cases)
    said = [part.get("message", part.text) for case in cases for part in case]
    assert said == [
        "12 ms",
        "250 ms, 95 %: 210 … ∞, a <b> & 'c'",
        "could not be told: 250 ms, 95 %: 210 … ∞",
        "not for this run: not measured in this run",
    ]
