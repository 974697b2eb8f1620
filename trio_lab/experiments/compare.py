"""Runtimes beside each other: rounds become medians with their spread, and figures ratios to Trio's of the same round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from ..diagnose.judge import judge, passes
from ..diagnose.ratios import Spread
from ..report.table import format_figure
from . import charts
from .model import Compared, Experiment

Entry = dict[str, Any]
Rounds = Mapping[str, Sequence[Entry]]

_NONE = {"median": None, "min": None, "max": None}


def judge_again(entry: Entry) -> Entry:
    """The entry with its verdict made anew from its figures."""
    evidence = entry["evidence"]
    for check in evidence["checks"]:
        check["measured"] = evidence["figures"].get(check["figure"])
        check["passed"] = passes(check["measured"], check["relation"], check["bound"])
    entry["outcome"] = judge(evidence["checks"])
    return entry


def merged(entries: Sequence[Entry]) -> Entry:
    """One entry of several rounds: the last one's charts, and every figure the median of those that were measured."""
    *_, last = entries
    if len(entries) == 1:
        return last
    names = dict.fromkeys(name for entry in entries for name in entry["evidence"]["figures"])
    figures = {name: _median(_values(entries, name)) for name in names}
    result = last | {
        "evidence": last["evidence"] | {"figures": figures},
        "duration_s": round(sum(entry["duration_s"] for entry in entries), 1),
        "failed": any(entry["failed"] for entry in entries),
        "notes": list(dict.fromkeys(note for entry in entries for note in entry["notes"])),
        "rounds": [entry["evidence"]["figures"] for entry in entries],
    }
    return judge_again(result)


def comparison(experiment: Experiment, rounds: Rounds) -> dict[str, Any]:
    """What a report shows of one experiment on several runtimes."""
    figures = [_figure(compared, rounds) for compared in experiment.compared]
    return {
        "name": experiment.name,
        "title": experiment.title,
        "question": experiment.question,
        "figures": figures,
        "chart": _chart(figures, rounds),
        "finding": "\n\n".join(_said(figure) for figure in figures),
    }


def _figure(compared: Compared, rounds: Rounds) -> dict[str, Any]:
    values = {runtime: _values(entries, compared.figure) for runtime, entries in rounds.items()}
    ours = values.get("trio")
    return {
        "figure": compared.figure,
        "label": compared.label,
        "unit": compared.unit,
        "better": compared.better,
        "values": {runtime: _spread(found) for runtime, found in values.items()},
        "ratios": {runtime: _ratios(found, ours) for runtime, found in values.items() if ours and runtime != "trio"},
    }


def _values(entries: Sequence[Entry], figure: str) -> list[float | None]:
    return [entry["evidence"]["figures"].get(figure) for entry in entries]


def _measured(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _median(values: Sequence[float | None]) -> float | None:
    found = _measured(values)
    return median(found) if found else None


def _spread(values: Sequence[float | None]) -> dict[str, float | None]:
    found = _measured(values)
    return dict(Spread.of(found).as_json()) if found else dict(_NONE)


def _ratios(theirs: Sequence[float | None], ours: Sequence[float | None]) -> dict[str, float | None]:
    """Round by round; a round in which either has no finite figure, or Trio's is zero, tells nothing."""
    pairs = [_measured(pair) for pair in zip(theirs, ours, strict=True)]
    return _spread([pair[0] / pair[1] for pair in pairs if len(pair) == 2 and pair[1]])


def _chart(figures: Sequence[Mapping[str, Any]], rounds: Rounds) -> dict[str, Any] | None:
    """The figures that share the first one's unit, a bar for each runtime."""
    shown = [figure for figure in figures if figure["unit"] == figures[0]["unit"]]
    medians = [figure["values"][runtime]["median"] for figure in shown for runtime in rounds]
    found = [value for value in medians if value]
    if not found:
        return None
    return charts.chart(
        "The runtimes beside each other",
        "bar",
        "figure",
        f"median, {shown[0]['unit']}",
        [
            charts.series(
                runtime,
                [(figure["label"], figure["values"][runtime]["median"]) for figure in shown],
            )
            for runtime in rounds
        ],
        categories=True,
        log_y=max(found) > 30 * min(found) and len(found) == len(medians),
        note=f"Rounds: {max(map(len, rounds.values()))}; the runtimes took turns.",
    )


def _said(figure: Mapping[str, Any]) -> str:
    """One figure in words, the best first."""
    medians = {name: value["median"] for name, value in figure["values"].items() if value["median"] is not None}
    if len(medians) < 2:
        return f"{figure['label']}: not measured on two runtimes."
    ordered = sorted(medians, key=medians.__getitem__, reverse=figure["better"] == "higher")
    told = ", ".join(f"{runtime} {format_figure(medians[runtime], figure['unit'])}" for runtime in ordered)
    return f"{figure['label']}: {told}."
