"""Unit: what is told of the generator's own troubles."""

from __future__ import annotations

from trio_lab.stage.stage import Stage


def test_notes_that_differ_in_figures_alone_are_told_once_with_the_worst() -> None:
    stage = Stage(quick=True)
    stage.notes += [
        "/a: late by 9.5 ms",
        "only 12 connections",
        "/a: late by 12 ms",
        "/b: late by 1 ms",
        "/a: late by 2 ms",
    ]
    assert stage.told_notes() == [
        "/a: late by 12 ms So it was 3 times, this the worst.",
        "only 12 connections",
        "/b: late by 1 ms",
    ]
