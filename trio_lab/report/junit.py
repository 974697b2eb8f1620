"""Objectives as a JUnit XML file, which every CI system shows: one test case for each objective.

Not met is a failure. What could not be told, or is not for this run, is skipped: JUnit has no third outcome. The exit code
of the command tells the two apart.
"""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from trio_lab.records.reading import one_line
from trio_lab.records.slo import Objective, SloResult


def junit_xml(result: SloResult, *, suite: str, seconds: float) -> bytes:
    """The file. ``suite`` is what was measured, ``seconds`` how long that took."""
    objectives = result.objectives
    failures = sum(one.passed is False for one in objectives)
    counts = {
        "tests": str(len(objectives)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(sum(one.passed is None for one in objectives)),
        "time": f"{seconds:.3f}",
    }
    root = Xml.Element("testsuites", counts)
    cases = Xml.SubElement(root, "testsuite", {"name": one_line(suite), **counts})
    for one in objectives:
        case = Xml.SubElement(cases, "testcase", {"classname": "slo", "name": one_line(one.claim), "time": "0"})
        message = one_line(measured_text(one))
        if one.passed is False:
            Xml.SubElement(case, "failure", {"message": message, "type": "NotMet"}).text = message
        elif one.passed is None:
            why = "not for this run" if one.skipped else "could not be told"
            Xml.SubElement(case, "skipped", {"message": f"{why}: {message}"})
        else:
            Xml.SubElement(case, "system-out").text = message
    Xml.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode").encode() + b"\n"


def measured_text(objective: Objective) -> str:
    """What was measured, with its interval and its note, in one line."""
    measured = "" if objective.measured is None else f"{figure_text(objective.measured)} {objective.unit}".rstrip()
    parts = [measured, interval_text(objective), objective.note]
    return ", ".join(part for part in parts if part)


def interval_text(objective: Objective) -> str:
    """``12.1 … 14.9``; empty for a figure that was counted, or has none."""
    low, high = objective.low, objective.high
    if low is None or high is None or low == high:
        return ""
    return f"95 %: {figure_text(low)} … {figure_text(high)}"


def figure_text(value: float | None) -> str:
    """Four digits; an infinite one as ∞."""
    return "–" if value is None else f"{value:.4g}".replace("inf", "∞")
