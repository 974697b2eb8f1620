"""Unit: counts by kind, and their sum."""

from __future__ import annotations

import pytest

from trio_lab.admission.tally import Tallies, Tally


def test_the_sum_of_all_kinds_follows_every_kind() -> None:
    tallies = Tallies()
    for n in range(1, 4):
        for kind in ("hash", "report"):
            tallies[kind].arrivals += 1
            tallies[kind].complete(0.001 * n, 0.01 * n)
        tallies["report"].rejected += 1
        total = tallies.total()
        assert (total.arrivals, total.completions, total.rejected) == (2 * n, 2 * n, n)
        assert total.services.max == pytest.approx(0.01 * n)
        assert total.waits.count == 2 * n


def test_the_first_completion_of_all_is_in_the_sum() -> None:
    tallies = Tallies()
    tallies["hash"].complete(0.0, 0.1)
    tallies["report"].rejected += 1
    assert tallies.total().services.max == 0.1


def test_asking_for_the_sum_changes_no_kind() -> None:
    tallies = Tallies()
    tallies["hash"].complete(0.0, 0.1)
    tallies["report"].complete(0.0, 0.2)
    for _ in range(2):
        assert tallies.total().completions == 2
    assert [tally.completions for tally in tallies.values()] == [1, 1]


def test_the_recent_service_time_moves_by_a_fifth_towards_the_newest() -> None:
    tally = Tally()
    assert tally.recent is None
    recent = []
    for served in (1.0, 0.0, 0.8):
        tally.complete(5.0, served)
        recent.append(tally.recent)
    assert recent == pytest.approx([1.0, 0.8, 0.8])


def test_all_that_ended_is_counted_whatever_its_end() -> None:
    tally = Tally()
    tally.rejected = 4
    tally.complete(0.0, 1.0)
    for timed_out in (True, True, False):
        tally.give_up(timed_out=timed_out)
    assert (tally.completions, tally.timed_out, tally.cancelled, tally.ended) == (1, 2, 1, 8)
