"""Unit: how long threads waited for a CPU, and what follows for the cause of a long pass."""

from __future__ import annotations

import os
import threading
import time
from collections import deque

import pytest

from trio_lab.loop.run_delay import RunDelay, Steal, stolen_from
from trio_lab.loop.stalls import cause_of
from trio_lab.loop.watchdog import Watchdog, _Beat, _since, _Waits

TICKS = os.sysconf("SC_CLK_TCK")
STAT = b"""cpu  9 9 9 9 9 9 9 300 0 0
cpu0 1 2 3 4 5 6 7 100 0 0
cpu1 1 2 3 4 5 6 7 200 0 0
intr 12 0
"""


def test_steal_is_read_for_each_cpu() -> None:
    assert stolen_from(STAT) == (100 / TICKS, 200 / TICKS)


@pytest.mark.parametrize("text", [b"", b"cpu  1", b"cpu  1 2\ncpu0 1 2 3\n", b"cpu  1\ncpu0 1 2 3 4 5 6 7 8"])
def test_what_is_cut_off_is_left_out(text: bytes) -> None:
    assert stolen_from(text) == ()


def test_a_machine_that_nothing_was_stolen_from_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_lab.loop.run_delay.stolen_from", lambda _: (0.0, 0.0))
    steal = Steal()
    monkeypatch.setattr("trio_lab.loop.run_delay.stolen_from", lambda _: (1.0, 0.0))
    assert steal.read() == ()


def test_run_delay_only_grows_and_is_read_from_any_thread() -> None:
    delays, seen = RunDelay(), []
    reader = threading.Thread(target=lambda: seen.append(delays.read()))
    reader.start()
    reader.join()
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end:
        pass
    assert (0.0, 1) <= seen[0] <= delays.read()
    time.sleep(0.001)
    assert delays.read()[1] > seen[0][1]
    delays.close()
    assert delays.read() == (0.0, 0)


# Readings are (time, seconds so far); the pass begins at 1.0.
@pytest.mark.parametrize(
    ("readings", "since"),
    [
        ([(1.0, 5.0), (1.2, 5.2)], 0.2),  # nothing in between: all that was counted
        ([(0.9, 5.0), (1.1, 5.1), (1.5, 5.1)], 0.0),  # it stood still afterwards; before it was busy
        ([(0.9, 5.0), (1.1, 5.2), (1.5, 5.6)], 0.5),  # busy throughout
        ([(0.9, 5.0), (1.1, 5.0), (1.5, 5.4)], 0.4),  # it cannot have been busy in between: nothing was counted
        ([(0.9, 5.0), (1.1, 5.15), (1.5, 5.15)], 0.05),  # more than fits before the begin
        ([(0.9, 5.0), (1.1, 0.0), (1.5, 0.0)], 0.0),  # a reading that failed
    ],
)
def test_what_came_between_two_readings_is_put_where_it_is_likely(
    readings: list[tuple[float, float]], since: float
) -> None:
    assert _since(readings, 1.0) == pytest.approx(since)


BUDGET = 0.05


def judged(*beats: _Beat, ended: float, last: _Waits, loop_cpu: float = 0.0, process_cpu: float | None = None) -> str:
    """The cause of a pass from 1.0 to ``ended``, by these beats of the watchdog's thread before and in it."""
    watchdog = Watchdog.__new__(Watchdog)
    watchdog._budget, watchdog._beats = BUDGET, deque(beats)
    watchdog._read_waits = lambda oldest=0.0: last  # type: ignore[method-assign]
    watchdog._beat = lambda at, due, waits: _Beat(at, due, loop_cpu, process_cpu or loop_cpu, waits)  # type: ignore[method-assign]
    return cause_of(watchdog.measurements(1.0, ended, 0.0))


def waits(at: float, loop: float = 0.0, own: float = 0.0, *stolen: float) -> _Waits:
    return _Waits(at, loop, own, stolen, at)


# The watchdog may have looked a moment before the pass began; then it is due again half a budget later.
BEFORE = _Beat(0.999, 0.999 + 0.5 * BUDGET, 0.0, 0.0, waits(0.999))


@pytest.mark.parametrize("duration", [1.01 * BUDGET, 1.2 * BUDGET, 1.5 * BUDGET, 5 * BUDGET])
def test_a_c_call_and_a_stop_just_over_the_budget_are_told_as_what_they_are(duration: float) -> None:
    ended = 1.0 + duration
    assert judged(BEFORE, ended=ended, last=waits(ended), loop_cpu=duration) == "c call"
    assert judged(BEFORE, ended=ended, last=waits(ended)) == "not running"


def beats_of(ended: float, read: _Waits) -> list[_Beat]:
    """Beats that were all on time, while the loop's thread used no CPU."""
    return [
        BEFORE,
        *(_Beat(1.0 + n / 40, 1.0 + (n + 1) / 40, 0.0, 0.0, read) for n in range(1, int((ended - 1.0) * 40) + 1)),
    ]


def test_waiting_before_the_pass_is_not_put_to_it() -> None:
    ended, before = 1.06, BEFORE._replace(waits=waits(0.88))
    looks = [beat._replace(waits=waits(beat.at, 0.035, 0.035)) for beat in beats_of(ended, waits(1.0))[1:]]
    assert judged(before, *looks, ended=ended, last=waits(ended, 0.035, 0.035)) == "blocking call"


def test_a_pass_that_kept_its_budget_but_for_the_hypervisor_was_not_running() -> None:
    ended, before = 1.06, BEFORE._replace(waits=waits(0.999, 0.0, 0.0, 1.0, 1.0))
    assert judged(before, ended=ended, last=waits(ended, 0.0, 0.0, 1.0, 1.02), loop_cpu=0.04) == "not running"
    assert judged(before, ended=ended, last=waits(ended, 0.0, 0.0, 1.0, 1.0), loop_cpu=0.06) == "c call"


@pytest.mark.parametrize(("turns_a_look", "cause"), [(5, "gil"), (1, "blocking call")])
def test_naps_of_the_switch_interval_tell_the_gil_from_a_call_that_waits(turns_a_look: int, cause: str) -> None:
    """A look each 25 ms, which comes 2 ms late; other threads compute all the time."""
    looks = [
        _Beat(at, at + 0.023, 0.0, at, waits(at)._replace(turns=100 + n * turns_a_look))
        for n in range(1, 8)
        for at in (1.0 + n / 40,)
    ]
    before = BEFORE._replace(process_cpu=1.0, waits=BEFORE.waits._replace(turns=7))  # it ran often before the pass
    last = waits(1.2)._replace(turns=100 + 8 * turns_a_look)
    assert judged(before, *looks, ended=1.2, last=last, process_cpu=1.2) == cause
