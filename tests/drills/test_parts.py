"""Unit: how logs, windows and gaps are read. Each was once the place where a drill could have lied."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import cast

import pytest

from trio_lab.drills.aftermath import Vitals, aftermath, settled
from trio_lab.drills.cases.innocent_callers import ENDS, PLANS, TRAP, Crowd, in_pool
from trio_lab.drills.cases.poison_jobs import KINDS
from trio_lab.drills.cases.queue_deadline import _Ends
from trio_lab.drills.cases.worker_kill import account
from trio_lab.drills.logged import LineTimes, LoggedServer, most_within
from trio_lab.drills.server import Line, busy, read_log
from trio_lab.drills.workload import Call, p99
from trio_lab.measure.process import lives
from trio_lab.pools.workers import WorkerPool
from trio_lab.stage.launch import Child


def line(what: str, number: int, pid: int) -> Line:
    return Line(what, number, pid, 0.0)


RUN = [line("begin", 1, 11), line("end", 1, 11), line("begin", 2, 11), line("begin", 3, 12), line("end", 3, 12)]


@pytest.mark.parametrize(
    ("lines", "answers", "expected"),
    [
        (RUN, {1: 200, 2: 502, 3: 200}, {}),
        (RUN, {1: 200, 2: 502, 3: 502}, {"failures_elsewhere": 1}),
        (RUN, {1: 200, 2: 500, 3: 200}, {"failures_untyped": 1}),
        (RUN, {1: 200, 2: 502, 3: 503}, {"failures_elsewhere": 1, "failures_untyped": 1}),
        (RUN, {1: 200, 2: 200, 3: 200}, {"jobs_lost": 1}),
        (RUN, {1: 0, 2: 502, 3: 200}, {"jobs_lost": 1, "failures_elsewhere": 1, "failures_untyped": 1}),
        ([*RUN, line("begin", 2, 13)], {1: 200, 2: 502, 3: 200}, {"jobs_run_twice": 1}),
    ],
)
def test_each_job_is_accounted_for(lines: list[Line], answers: dict[int, int], expected: dict[str, int]) -> None:
    found = account(lines, answers, killed={11})
    blame = ("failures_elsewhere", "failures_untyped", "jobs_lost", "jobs_run_twice")
    assert {name: found[name] for name in blame} == dict.fromkeys(blame, 0) | expected


def test_who_is_busy_is_what_jobs_said_last(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("begin 1 11 0.5\nend 1 11 0.6\nbegin 2 12 0.7\n")
    lines = read_log(tmp_path / "log")
    assert lines[2] == Line("begin", 2, 12, 0.7)
    assert busy(lines) == [12]


@pytest.mark.parametrize(("times", "most"), [([], 0), ([0.0, 9.9, 10.0], 2), ([0.0, 0.1, 5.0, 10.05, 10.2, 10.3], 4)])
def test_windows_slide(times: list[float], most: int) -> None:
    assert most_within(times, 10.0) == most


@pytest.mark.parametrize(("expired", "beside"), [(1.00, 0), (1.5, 1), (2.0, 0)])
def test_gaps_between_two_jobs_of_a_worker_are_found(expired: float, beside: int) -> None:
    ends = _Ends()
    for begun, ended in ((1.9, 2.4), (0.5, 1.0)):
        ends.ran(begun, (11, begun, ended))
    ends.expired.append(expired)
    found = ends.figures(1.0)
    assert found["expired_in_gaps"] == beside
    assert found["started_late"] == 0
    ends.ran(3.0, (11, 3.25, 3.3))
    assert ends.figures(1.0)["started_late"] == 1


def test_p99_is_of_the_good_ones() -> None:
    assert p99([Call(1, 0.0, 9.0, 0), Call(2, 0.0, 0.1, 200)]) == 0.1
    assert p99([Call(1, 0.0, 9.0, 0)]) == 9.0


def test_there_are_sixteen_kinds_of_poison() -> None:
    assert len(KINDS) == 16


def vitals(**values: int) -> Vitals:
    return Vitals(**({"answer_s": 0, "fds": 10, "tasks": 20, "children": 2, "zombies": 0} | values))


async def test_the_aftermath_waits_for_the_dust_to_settle_and_then_tells(autojump_clock: object) -> None:
    seen = iter([vitals(fds=30), vitals(fds=20, children=1), *[vitals(zombies=1, tasks=24)] * 100])

    async def look() -> Vitals:
        return next(seen)

    found = await aftermath(look, vitals(), workers=2)
    assert found == {"after_answer_s": 0, "after_fds": 0, "after_tasks": 4, "after_children": 0, "after_zombies": 1}


async def test_what_never_settles_is_told_as_it_is(autojump_clock: object) -> None:
    numbers = iter(range(1000))

    async def look() -> Vitals:
        return vitals(fds=next(numbers))

    assert (await settled(look)).fds > 10


def test_a_process_that_is_no_more_does_not_live() -> None:
    assert lives(1)
    assert not lives(4_194_305)  # above the largest process number there is


def test_an_innocent_call_is_one_whose_end_nobody_planned() -> None:
    crowd = Crowd(cast(WorkerPool, None), random.Random(1))
    for plan in (*PLANS, *TRAP):
        for how in ENDS:
            crowd.count(plan, how)
    assert crowd.ends.total() == len(ENDS) * len((*PLANS, *TRAP))
    assert crowd.unexpected["refused"] == 0
    assert crowd.unexpected["finished"] == 2  # of a job that was to raise, and one that was to die
    assert crowd.innocent_ended == crowd.unexpected.total() - crowd.unexpected["wrong"]
    crowd.killed_outside = 3
    assert crowd.innocent_ended == crowd.unexpected.total() - crowd.unexpected["wrong"] - 3
    crowd.killed_outside = 1_000
    assert crowd.innocent_ended == crowd.unexpected.total() - crowd.unexpected["wrong"] - crowd.unexpected["killed"]


async def test_a_short_dose_of_trouble_ends_nobody_elses_job() -> None:
    figures = await in_pool(2_000, blind=False)
    assert (figures["innocent_ended"], figures["wrong"], figures["unbalanced"]) == (0, 0, 0)
    assert figures["calls"] == 2_000


def test_the_lines_of_a_log_are_counted_by_what_they_say() -> None:
    with tempfile.TemporaryFile(buffering=0) as said:
        server = LoggedServer(child=cast(Child, None), url="", stderr=said)
        said.write(b"said before: 1\n")
        lines = LineTimes(server)
        for text in (b"refused 12 times\nended\nrefused 13 times\n", b"refused 14 times\n", b""):
            said.write(text)
            lines.look()
    assert (lines.count, lines.most_repeated(5.0)) == (4, 3)
