"""Unit: what a run shows while it goes on, on a terminal and elsewhere."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.status import Status

from trio_lab.cli import console, progress, status
from trio_lab.cli.progress import Progress

LONG = "1 round: /health p99 beside /sync-hash ÷ one hash 6.31×"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    found = Console(width=60, force_terminal=True, stderr=True)
    for module in (status, console):
        monkeypatch.setattr(module, "errors", found)
    return found


def test_the_last_line_of_a_terminal_counts_the_seconds(now: list[float], terminal: Console) -> None:
    show = Progress()
    show.begin("[1/1] blocked-loop: what?", 12)
    assert str(show.__rich__()) == ""
    show.phase("round 1 of 6", "/hash, 5 connections, 1 s")
    assert str(show.__rich__()) == "round 1 of 6 | 12 s left | /hash, 5 connections, 1 s"
    now[0] += 4
    assert "round 1 of 6 | 8 s left" in str(show.__rich__())
    show.round("1 round: 6.31×", 20)
    show.phase("round 2 of 6", "")
    assert str(show.__rich__()) == "round 2 of 6 | 20 s left | 1 round: 6.31×"
    now[0] += 21
    assert str(show.__rich__()) == "round 2 of 6 | 1 round: 6.31×"
    show.say("confirmed")
    assert str(show.__rich__()) == ""


def test_the_last_line_is_one_line_however_narrow(terminal: Console) -> None:
    show = Progress()
    show.begin("what?", 12)
    show.round(LONG, 20)
    show.phase("round 2 of 6", "/hash, 5 connections, 1 s")
    with terminal.capture() as drawn:
        terminal.print(Status(show).renderable)
    assert drawn.get().count("\n") == 1
    assert "…" in drawn.get()


def test_a_terminal_keeps_no_line_for_a_round(terminal: Console, capsys: pytest.CaptureFixture[str]) -> None:
    Progress().round(LONG, 20)
    assert capsys.readouterr().err == ""


def test_without_a_terminal_every_round_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    show = Progress()
    show.begin("[1/1] blocked-loop: what do others feel?", 12)
    show.phase("round 1 of 6", "/hash, 5 connections, 1 s")
    show.round(LONG, 20)
    show.say("      confirmed: it was so.")
    assert capsys.readouterr().err.splitlines() == [
        "[1/1] blocked-loop: what do others feel? (about 12 s)",
        f"      {LONG}",
        "      confirmed: it was so.",
    ]
