"""Unit: what threads waited for a CPU, and what that says of a pass."""

from __future__ import annotations

import os
import threading
import time

import pytest

from trio_lab.measure.waiting import Delays, Steal, most_stolen, stolen_from
from trio_lab.measure.watchdog import _spent

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


def test_the_cpu_that_lost_most_counts() -> None:
    assert most_stolen((1.0, 2.0), (1.01, 2.25)) == pytest.approx(0.25)
    assert most_stolen((), ()) == 0.0


def test_a_machine_that_nothing_was_stolen_from_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_lab.measure.waiting.stolen_from", lambda _: (0.0, 0.0))
    steal = Steal()
    monkeypatch.setattr("trio_lab.measure.waiting.stolen_from", lambda _: (1.0, 0.0))
    assert steal.read() == ()


def test_delays_only_grow_and_are_read_from_any_thread() -> None:
    delays, seen = Delays(), []
    reader = threading.Thread(target=lambda: seen.append(delays.read()))
    reader.start()
    reader.join()
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end:
        pass
    assert 0.0 <= seen[0] <= delays.read()
    delays.close()
    assert delays.read() == 0.0


# Readings are (time, CPU seconds so far); what is asked for begins at 1.0.
@pytest.mark.parametrize(
    ("readings", "spent"),
    [
        ([(1.0, 5.0), (1.2, 5.2)], 0.2),  # nothing in between: all that was counted
        ([(0.9, 5.0), (1.1, 5.1), (1.5, 5.1)], 0.0),  # it stood still afterwards; before it was busy
        ([(0.9, 5.0), (1.1, 5.2), (1.5, 5.6)], 0.5),  # busy throughout
        ([(0.9, 5.0), (1.1, 5.0), (1.5, 5.4)], 0.4),  # it cannot have been busy in between: nothing was counted
        ([(0.9, 5.0), (1.1, 5.15), (1.5, 5.15)], 0.05),  # more than fits before the begin
    ],
)
def test_cpu_time_between_two_readings_is_put_where_it_is_likely(
    readings: list[tuple[float, float]], spent: float
) -> None:
    assert _spent(readings, 1.0) == pytest.approx(spent)
