"""Unit: what is told of the generator's own troubles."""

from __future__ import annotations

from trio_lab.stage.stage import Stage


def test_notes_that_differ_in_figures_alone_are_told_once_with_the_worst() -> None:
    stage = Stage(quick=True)
    stage.notes += [
        "/a?n=10: late by 9.5 ms.",
        "only 12 connections",
        "/a?n=10: late by 12 ms.",
        "/a?n=20: late by 1 ms.",
    ]
    stage.notes += ["/a?n=10: late by 2 ms.", "/b: out of ports.", "/b: out of ports."]
    assert stage.told_notes() == [
        "/a?n=10: late by 12 ms. (The worst of 3.)",
        "only 12 connections",
        "/a?n=20: late by 1 ms.",
        "/b: out of ports.",
    ]


def test_thousands_are_figures_like_others() -> None:
    stage = Stage(quick=True)
    stage.notes += [f"/a: {lost} of 10,000 requests had no reply." for lost in ("987", "1,234", "20")]
    assert stage.told_notes() == ["/a: 1,234 of 10,000 requests had no reply. (The worst of 3.)"]
