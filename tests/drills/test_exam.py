"""Unit: the cases of the exam, evidence without names, and how verdicts are marked. End to end: one of its services."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio

from tests.diagnose.services import Sick, Tank
from trio_lab.diagnose.diagnosis import diagnose
from trio_lab.diagnose.prescribe import RULES
from trio_lab.drills.exam import sitting
from trio_lab.drills.exam.case import HEALTHY, KINDS, TWO, Case, case, cases
from trio_lab.drills.exam.marking import ILL, UNTOLD, WELL, Verdict, confusion, naively, ours, scores
from trio_lab.drills.exam.masked import Mask
from trio_lab.drills.exam.naive import naive
from trio_lab.drills.exam.plants import PLANTS, Planted
from trio_lab.load.client import fetch
from trio_lab.records.codec import encode
from trio_lab.records.examination import Examination
from trio_lab.records.health import StallFigures, Usage
from trio_lab.stage.attached import attached
from trio_lab.subjects.patients.parts import opened
from trio_lab.subjects.patients.prescription import VARIABLE, Part, Prescription

STALL = StallFigures(
    filename="/srv/blocking_line.py", lineno=7, function="block", cause="python", count=9, total=0.5, longest=0.06, share=0.9,
    task="blocker",
)  # fmt: skip


def usage(share: float, at: float) -> Usage:
    return Usage(
        elapsed=at, cpu=0.1 * at, loop_cpu=0.05 * at, run_delay=0.01 * at, loop_run_delay=0.0, gc=0.0, cores=2.0
    )


SICK = Sick(queues={"run_queue": Tank(capacity=1), "few_threads": Tank(share=1.0)}, usage=usage, stalls=(STALL,))


def evidence() -> Examination:
    """A pool that is too small, a stall beside it, and names everywhere."""
    found = SICK.examination()
    return replace(found, url="http://localhost/few-threads", blind=("few_threads is not seen",))


def few_threads(queue: str = "few_threads") -> Case:
    planted = Planted(
        findings=("native_pool_too_small",), queue=queue, prescription=Prescription(request=(Part(kind="threads"),))
    )
    return Case(kind="few-threads", seed=1, command=("python",), planted=planted)


def test_a_case_follows_from_its_name() -> None:
    assert case("few-threads", 3) == case("few-threads", 3)
    assert case("few-threads", 3) != case("few-threads", 4)
    chosen = cases(KINDS, seeds=2, healthy=5)
    assert len({one.name for one in chosen}) == len(chosen) == 2 * len(KINDS) + 5
    assert len(PLANTS) >= 12


@pytest.mark.parametrize("kind", KINDS)
def test_the_verdict_on_every_plant_is_one_that_there_is(kind: str) -> None:
    for seed in range(5):
        one = case(kind, seed)
        assert set(one.planted.findings) <= {rule.id for rule in RULES}
        assert msgspec.json.decode(encode(one.planted.prescription))


def test_of_two_faults_the_first_bears_less() -> None:
    for seed in range(20):
        parts = case(TWO, seed).planted.prescription.request
        loads = [900 / part.ms if part.kind == "loop" else 1e3 * part.places / part.ms for part in parts]
        load = case(TWO, seed).planted.load
        assert load is not None
        assert min(loads) == pytest.approx(load, rel=0.01)
        assert max(loads) > 1.5 * load


def test_evidence_holds_no_names() -> None:
    masked = encode(Mask(1).examination(evidence())).decode()
    for name in ("few", "thread_s", "block", "/srv", ".py", "localhost", "is not seen"):
        assert name not in masked.replace("nativePool", "").replace('"blocking call"', "")
    assert encode(evidence()).decode().count("few") > 100


def test_other_names_give_the_same_verdict() -> None:
    plain = diagnose(evidence())
    assert [one.id for one in plain.findings] == ["native_pool_too_small"]
    for seed in range(3):
        found = diagnose(Mask(seed).examination(evidence()))
        assert [one.id for one in found.findings] == [one.id for one in plain.findings]
        assert found.first_full == Mask(seed).queue("few_threads") != "few_threads"
        assert (found.onset_load, found.saturation_load, found.later) == (
            plain.onset_load,
            plain.saturation_load,
            plain.later,
        )


@pytest.mark.parametrize("name", ["run_queue", "accept_backlog", "default_limiter", "default_executor", "worker_pool"])
def test_names_that_every_program_has_stay(name: str) -> None:
    assert Mask(1).queue(name) == name
    assert Mask(1).queue("outward.billing").startswith("outward.")
    assert "billing" not in Mask(1).queue("outward.billing")


def test_a_verdict_is_right_with_finding_and_queue() -> None:
    assert ours(few_threads(), evidence()).right
    assert not ours(few_threads(queue="another"), evidence()).right
    wrong = replace(few_threads(), planted=replace(few_threads().planted, findings=("gil_hog",)))
    assert not ours(wrong, evidence()).right


def test_a_healthy_service_is_not_called_ill() -> None:
    healthy = replace(few_threads(), kind=HEALTHY)
    said = [Verdict(case=healthy, finding=finding, queue=None).right for finding in (WELL, UNTOLD, ILL)]
    assert said == [True, True, False]
    assert ours(healthy, replace(evidence(), target=60.0)).finding == WELL
    assert ours(healthy, replace(evidence(), target=160.0)).finding == ILL


def test_a_naive_doctor_blames_what_is_full() -> None:
    busy = Sick(queues={"run_queue": Tank(capacity=1), "crew": Tank(always=9, capacity=2), "pool": Tank(share=1.0)})
    assert naive(busy.examination()) == ("native_pool_too_small", "crew")
    assert naive(replace(busy, busy=lambda share: 1.0).examination())[1] == "run_queue"
    idle = Sick(queues={"pool": Tank(capacity=40)})
    assert naive(idle.examination()) == ("healthy", "none")
    assert naively(replace(few_threads(), kind=HEALTHY), idle.examination()).finding == WELL


def test_scores_and_the_confusion_matrix() -> None:
    two = replace(few_threads(), kind=TWO)
    verdicts = [
        Verdict(case=few_threads(), finding="native_pool_too_small", queue="few_threads"),
        Verdict(case=few_threads(), finding="native_pool_too_small", queue="crew"),
        Verdict(case=few_threads(), finding="gil_hog", queue="few_threads"),
        Verdict(case=two, finding="native_pool_too_small", queue="few_threads"),
        Verdict(case=replace(few_threads(), kind=HEALTHY), finding=ILL, queue=None),
    ]
    found = scores(verdicts)
    assert found["right_percent"] == pytest.approx(100 / 3)
    assert (found["first_of_two_percent"], found["healthy"], found["healthy_ill"], found["cases"]) == (100, 1, 1, 5)
    table = confusion("matrix", verdicts)
    assert table.columns == ("planted", "gil_hog", "ill", "native_pool_too_small", "native_pool_too_small at crew")
    assert table.rows[0] == ("few-threads", 1, None, 1, 1)


async def test_parts_in_a_row_take_as_long_as_they_should(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Part(kind="gate", name="inner", places=1, ms=30)
    request = (Part(kind="lock", places=1, ms=10), Part(kind="gate", name="outer", places=2, inside=(inner,)))
    crew = Part(kind="crew", name="crew", places=1, ms=5)
    monkeypatch.setenv(VARIABLE, encode(Prescription(request=request, beside=(crew,))).decode())
    async with trio.open_nursery() as nursery:
        serve = await opened(nursery)
        began = trio.current_time()
        async with trio.open_nursery() as requests:
            requests.start_soon(serve)
            requests.start_soon(serve)
        assert trio.current_time() - began == pytest.approx(0.07)
        nursery.cancel_scope.cancel()


async def test_what_was_seen_is_kept_and_not_collected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def examined(case: Case) -> Examination:
        asked.append(case.name)
        return evidence()

    monkeypatch.setattr(sitting, "examined", examined)
    found = [await sitting.seen(few_threads(), tmp_path) for _ in range(2)]
    assert asked == ["few-threads-1"]
    monkeypatch.setattr(sitting, "disturbed", lambda found: len(asked) < 3)
    await sitting.seen(replace(few_threads(), seed=2), tmp_path)
    assert asked == ["few-threads-1", "few-threads-2", "few-threads-2"]
    assert [ours(few_threads(), one).right for one in found] == [True, True]


async def test_a_service_does_what_it_is_told() -> None:
    request = (
        Part(kind="threads", name="xyz", places=1, ms=1),
        Part(kind="workers", places=1, ms=1, how="python"),
        Part(kind="outward", name="abc", places=1, ms=1),
        Part(kind="default", places=3, ms=1),
    )
    env = os.environ | {VARIABLE: encode(Prescription(request=request)).decode()}
    command = [sys.executable, "-m", "trio_lab.subjects.patients.plain"]
    async with attached(command, env=env) as service:
        assert [(await fetch(service.url + path)).status for path in ("/a", "/b")] == [200, 200]
        health = await service.sample()
    assert health is not None
    assert [health.queue(name).completions for name in ("xyz", "worker_pool", "outward.abc")] == [1, 1, 1]
    assert health.queue("default_limiter").capacity == 3


def test_a_disturbed_examination_is_told_by_the_services_own_counters() -> None:
    assert not sitting.disturbed(evidence())
    for cpu, told in ((0.3, True), (1.8, False)):
        crowded = replace(
            SICK, usage=lambda share, at, cpu=cpu: replace(usage(share, at), cpu=cpu * at, loop_run_delay=0.5 * at)
        )
        assert sitting.disturbed(crowded.examination()) == told


def test_random_names_say_nothing() -> None:
    names = {case("few-threads", seed).planted.queue for seed in range(5)}
    assert len(names) == 5
