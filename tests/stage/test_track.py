"""Unit (virtual time): when a round's loads ran, next to when its queues were seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from tests.diagnose.test_gathering import IDLE, NATIVE, sample
from trio_lab.records.load import Counts, Generator, Latencies, LoadResult, Row
from trio_lab.records.summary import Summary
from trio_lab.records.timeline import Phase
from trio_lab.stage.track import Track


def result(*ok: int, duration: float, interval: float = 0.2, offered: float | None = None) -> LoadResult:
    """A run with so many replies in each interval."""
    rows = (
        Row(start=n * interval, ok=count, shed=0, timed_out=0, errors=0, p50=None, max=None)
        for n, count in enumerate(ok)
    )
    generator = Generator(cpu_share=0, late_p99=None, bottleneck=None, reconnects=0, abandoned=0)
    return LoadResult(
        url="http://localhost/hash",
        mode="closed",
        connections=4,
        duration=duration,
        requests=Counts(),
        throughput=0,
        goodput=0,
        latency=Latencies(),
        status={},
        offered=offered,
        service=Latencies(),
        shed=Latencies(),
        error_kinds={},
        series=tuple(rows),
        generator=generator,
    )


async def test_a_load_begins_when_it_was_asked_for_however_long_its_last_replies_took(autojump_clock: object) -> None:
    track = Track()
    await trio.sleep(1)
    asked = track.now()
    await trio.sleep(1.2)  # a duration of 0.8, and replies for 0.4 more
    track.load("/hash", asked, result(2, 3, 3, 3, 1, 1, duration=0.8, offered=20.0))
    [phase] = _phases(track)
    assert (round(phase.begin, 6), round(phase.end, 6), phase.offered) == (1.0, 1.8, 20.0)
    assert [(round(at, 6), round(rate, 6)) for at, rate in phase.replies] == [
        (1.1, 10),
        (1.3, 15),
        (1.5, 15),
        (1.7, 15),
        (1.9, 5),
        (2.1, 5),
    ]


async def test_a_process_that_took_long_to_start_delays_the_load(autojump_clock: object) -> None:
    track = Track()
    await trio.sleep(3)
    track.load("/hash", 0.0, result(2, 2, duration=0.4))
    [phase] = _phases(track)
    assert (round(phase.begin, 6), phase.end) == (2.6, 3.0)


async def test_the_last_interval_of_a_run_without_late_replies_ends_with_it(autojump_clock: object) -> None:
    track = Track()
    await trio.sleep(1)
    track.load("/hash", 0.0, result(2, 2, 2, duration=0.5))
    [phase] = _phases(track)
    assert [round(rate, 6) for _, rate in phase.replies] == [10, 10, 20]


async def test_a_run_without_a_reply_is_a_load_too(autojump_clock: object) -> None:
    track = Track()
    await trio.sleep(1)
    track.load("/hash", 0.25, result(duration=0.5))
    [phase] = _phases(track)
    assert (phase.begin, phase.end, phase.replies) == (0.5, 1.0, ())


async def test_a_queue_that_fills_while_the_load_runs_is_found_at_its_moment(autojump_clock: object) -> None:
    track = Track()
    for health in (IDLE, IDLE, NATIVE, NATIVE, NATIVE):
        await trio.sleep(0.25)
        track.see(health)
    track.load("/hash", 0.4, result(*[2] * 4, duration=0.8))
    found = track.timeline()
    assert found is not None
    assert (found.phases[0].first_full, found.phases[0].full_at) == ("native_pool", 0.75)
    assert found.queues[2].waiting == (0, 0, 9, 9, 9)


async def test_a_wait_is_the_mean_of_those_that_ended_since_the_sample_before(autojump_clock: object) -> None:
    track, waits = Track(), ((10, 0.1), (10, 0.1), (30, 0.2), (2, 0.5))  # the last is of another server
    for count, mean in waits:
        [*others, pool] = sample(pool=(4, 4, 9)).queues
        summary = Summary(count=count, mean=mean, p50=mean, p90=mean, p99=mean, p99_9=mean, max=mean)
        track.see(replace(IDLE, queues=(*others, replace(pool, wait=summary))))
    found = track.timeline()
    assert found is not None
    assert found.queues[2].wait == (None, None, pytest.approx(0.25), 0.5)


def _phases(track: Track) -> tuple[Phase, ...]:
    track.see(IDLE)
    found = track.timeline()
    assert found is not None
    return found.phases
