"""Unit: an examination becomes a diagnosis, and says what it could not see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.diagnose.diagnosis import diagnose
from trio_lab.records.codec import decode, encode
from trio_lab.records.diagnosis import Diagnosis
from trio_lab.records.examination import Examination, Step
from trio_lab.records.health import Usage

from .services import Sick, Tank


def usage(cpu: float, cores: float = 2.0) -> object:
    def of(share: float, at: float) -> Usage:
        used = cpu * min(share, 1.0) * at
        return Usage(
            elapsed=at,
            cpu=used,
            loop_cpu=0.1 * at,
            children_cpu=0.0,
            run_delay=0.01 * at,
            loop_run_delay=0.0,
            throttled=0.0,
            stolen=0.0,
            gc=0.0,
            cores=cores,
            descriptors=20,
            max_descriptors=1000,
        )

    return of


WAITING = Sick(queues={"native_pool": Tank(share=1.0), "worker_pool": Tank()}, usage=usage(0.08))  # type: ignore[arg-type]


def test_waiting_work_in_a_pool_that_is_too_small() -> None:
    found = diagnose(WAITING.examination())
    assert found.first_full == "native_pool"
    assert [finding.id for finding in found.findings] == ["native_pool_too_small"]
    assert found.saturation_load == pytest.approx(100, rel=0.01)
    assert found.onset_load == pytest.approx(100, rel=0.02)
    assert found.service_time == 0.04
    assert found.concurrency == pytest.approx(4, rel=0.01)
    assert found.seconds_needed is None
    assert found.verdict.startswith("native_pool fills first, at 100/s")


@pytest.mark.parametrize(("target", "healthy"), [(None, None), (50.0, True), (150.0, False)])
def test_healthy_is_a_question_of_the_target(target: float | None, healthy: bool | None) -> None:
    assert diagnose(WAITING.examination(target=target)).healthy is healthy


def test_a_service_that_answers_nothing_more_has_no_saturation_load() -> None:
    def silent(step: Step) -> Step:
        pieces = tuple(replace(one, ok=0) for one in step.pieces)
        return replace(step, pieces=pieces) if step.part == "ramp" else step

    seen = WAITING.examination(target=50.0)
    found = diagnose(replace(seen, steps=tuple(map(silent, seen.steps))))
    assert found.saturation_load is None
    assert found.healthy is None
    assert found.verdict.startswith("It answers somewhere below 130/s; the queue that fills first cannot be seen")


def test_a_service_that_bears_all_rates_of_the_ramp() -> None:
    strong = replace(WAITING, limit=1000.0)
    steps = tuple(strong.step(rate, nominal=rate, number=number) for number in range(3) for rate in (100.0, 200.0))
    examination = Examination(url="", probe="", budget=1.0, steps=steps)
    found = diagnose(examination)
    assert found.first_full == "none"
    assert [finding.id for finding in found.findings] == ["healthy"]
    assert found.verdict == "No queue grows up to 200/s: no queue grew at any load of the ramp."
    assert diagnose(replace(examination, target=150.0)).healthy is True
    assert diagnose(replace(examination, target=300.0)).healthy is None, "it was not asked for so much"


def test_a_black_box_names_no_pool() -> None:
    found = diagnose(replace(WAITING, blind=True).examination())
    assert found.first_full is None
    assert found.saturation_load == pytest.approx(100, rel=0.01)
    assert [finding.id for finding in found.findings] == ["unseen_queue"]
    assert any("CPU time" in reason for reason in found.blind_to)


def test_a_black_box_whose_cheap_url_waits_has_a_blocked_loop() -> None:
    examination = replace(WAITING, blind=True).examination()
    slow = tuple(
        replace(step, probe=0.03) if step.part == "ramp" and step.nominal == 1.3 else step for step in examination.steps
    )
    assert diagnose(replace(examination, steps=slow)).first_full == "run_queue"


def test_too_few_rounds_need_more_seconds() -> None:
    assert diagnose(WAITING.examination(rounds=2)).seconds_needed == pytest.approx(2 * 4 * 1.0)


def test_nothing_was_measured() -> None:
    found = diagnose(Examination(url="", probe="", budget=1.0))
    assert (found.healthy, found.first_full, found.saturation_load, found.findings) == (None, None, None, ())


def test_it_travels_as_json() -> None:
    examination = WAITING.examination(target=50.0)
    assert decode(Examination, encode(examination)).target == 50.0
    again = diagnose(decode(Examination, encode(examination)))
    found = diagnose(examination)
    assert (again.first_full, again.findings[0].id) == (found.first_full, found.findings[0].id)
    assert decode(Diagnosis, encode(found)).verdict == found.verdict


@pytest.mark.parametrize(
    ("flagged", "finding"), [((1.3,), "client_bottleneck"), ((0.85,), "unseen_queue"), ((), "unseen_queue")]
)
def test_a_generator_that_could_not_send_is_told_from_a_queue_that_is_not_seen(
    flagged: tuple[float, ...], finding: str
) -> None:
    idle = replace(WAITING, queues={"native_pool": Tank()}).examination()
    steps = tuple(
        replace(step, bottleneck="The generator used 97% of a core.") if step.nominal in flagged else step
        for step in idle.steps
    )
    assert [one.id for one in diagnose(replace(idle, steps=steps)).findings] == [finding]


@pytest.mark.parametrize(("clean", "told"), [(True, 0), (False, 1)])
def test_a_crowded_machine_is_told(clean: bool, told: int) -> None:
    examination = WAITING.examination()
    steps = tuple(replace(step, clean=clean) for step in examination.steps)
    found = diagnose(replace(examination, steps=steps))
    assert sum("quiet machine" in text for text in found.blind_to) == told
    assert found.first_full == "native_pool"


def test_a_ramp_without_a_whole_round_says_why_and_does_not_list_all_that_is_missing() -> None:
    examination = WAITING.examination()
    steps = tuple(replace(step, clean=False) for step in examination.steps if step.part != "ramp")
    found = diagnose(replace(examination, steps=steps, blind=("the program has no hook",)))
    assert found.verdict == "The ramp has no whole round, so nothing can be said."
    program, machine = found.blind_to
    assert program == "the program has no hook"
    assert machine.endswith("other programs used the CPU in 100% of the steps")


def test_rounds_that_disagree_saturate_nothing_and_are_not_healthy() -> None:
    """Where the machine was taken away in two of three rounds, nobody knows."""
    slow, fast = replace(WAITING, limit=70.0), replace(WAITING, limit=1000.0)
    steps = tuple(
        service.step(100.0 * nominal, nominal=nominal, number=number)
        for number, service in enumerate((fast, slow, fast))
        for nominal in (0.85, 1.0, 1.15, 1.3)
    )
    calm = WAITING.step(35.0, part="calm")
    found = diagnose(Examination(url="", probe="", budget=1.0, target=100.0, steps=(calm, *steps)))
    assert found.saturation_load is None
    assert found.healthy is None
    assert "healthy" not in [one.id for one in found.findings]
    assert found.seconds_needed is not None
