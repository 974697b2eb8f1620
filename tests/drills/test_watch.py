"""End to end, short doses: blocks whose truth is known, and a watch that is asked about them. No figure is a time."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from trio_lab.drills import aftermath, blocked, catalog, loops
from trio_lab.drills.cases import blind_monitor, fat_pass, monitor_truth, not_the_loop
from trio_lab.errors import UsageError
from trio_lab.loop import watch
from trio_lab.stage.alone import alone
from trio_lab.stage.stage import Stage


async def test_every_block_is_told_with_its_line() -> None:
    figures = await alone(partial(monitor_truth.in_process, blocks=16, healthy_s=0.2, rounds=1, seed=2))
    assert figures["recall_percent"] == 100
    assert (figures["line_right_percent"] or 0) >= 80  # a busy machine may look away once
    assert figures["blind"] == 0
    assert figures["after_tasks"] == 0


async def test_mistakes_in_programs_of_others_are_told_with_their_lines() -> None:
    with trio.fail_after(100):
        assert await monitor_truth.mistakes_of_others() == {"mistakes_of_others": 7, "mistakes_of_others_missed": 0}


async def test_tasks_explain_a_fat_pass_only_when_steps_are_measured() -> None:
    figures = await alone(partial(fat_pass.in_process, "trio", rounds=1, steps=True))
    assert (figures["explained_percent"] or 0) > 50
    assert (await fat_pass.DRILL.control(Stage(quick=False)))["explained_percent"] == 0


async def test_a_stopped_process_is_no_blocked_loop() -> None:
    figures = await alone(partial(not_the_loop.in_process, "trio", rounds=1, objects=1_000))
    assert figures["stopped_percent"] == 100
    assert figures["waiting_percent"] == 100


async def test_a_broken_watch_says_so_and_is_put_back_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "CHECK", 0.05)
    monkeypatch.setattr(watch, "_FIRST_REARM", 0.3)
    figures = await blind_monitor._rounds("trio", rounds=1)
    assert {name: figures[name] for name in ("not_put_back", "not_told_again", "hasty")} == {
        "not_put_back": 0,
        "not_told_again": 0,
        "hasty": 0,
    }


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_every_block_in_a_protocol_of_others_is_told_with_its_line(
    monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setattr(blocked.blocked, "FORMS", ("protocol",))
    monkeypatch.setattr(aftermath, "_CALM", 0.02)
    figures = await blocked.told_of_all(loop, blocked.Dose(blocks=8, quiet_s=0.2, signals_s=0.2))
    assert figures["recall_percent"] == 100
    assert (figures["line_right_percent"] or 0) >= 80  # a busy machine may look away once
    assert (figures["false_alarms_signals"], figures["after_tasks"]) == (0, 0)


async def test_a_watch_on_asyncio_that_breaks_says_so_and_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "CHECK", 0.05)
    monkeypatch.setattr(watch, "_FIRST_REARM", 0.3)
    monkeypatch.setattr(loops, "_CALM", 0.02)
    figures = await trio.to_thread.run_sync(blind_monitor.in_process, "asyncio", 1)
    assert (figures["faults"], figures["not_put_back"], figures["not_told_again"]) == (6, 0, 0)


def test_a_drill_that_is_not_about_a_loop_does_not_choose_one() -> None:
    with pytest.raises(UsageError, match="worker-kill does not choose its loop"):
        catalog.on("asyncio", catalog.select(("worker-kill",)))
    assert [drill.number for drill in catalog.DRILLS if drill.on_asyncio] == [20, 21, 22, 24]
    [chosen] = catalog.on("uvloop", catalog.select(("fat-pass",)))
    assert chosen.name == "fat-pass on uvloop"


def test_what_a_loop_needs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "find_spec", lambda name: None if name == "uvloop" else True)
    with pytest.raises(UsageError, match="drills on uvloop need uvloop, not installed in this Python"):
        catalog.on("uvloop", catalog.select(("fat-pass",)))
