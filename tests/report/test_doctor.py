"""Unit: a report that ends with the doctor leads with what that said, and shows its queues and their onsets."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tests.diagnose.services import Sick, Tank
from tests.drills.test_exam import usage
from trio_lab.diagnose.diagnosis import diagnose
from trio_lab.doctor.over_time import over_time
from trio_lab.records.codec import encode
from trio_lab.records.reading import read_results
from trio_lab.records.result import Examined, Plan, Results
from trio_lab.report.page import render

from .test_lead import run_with

SEEN = Sick(queues={"run_queue": Tank(capacity=1), "native_pool": Tank(share=1.0)}, usage=usage).examination()
SAID = diagnose(SEEN)
TIMELINE = over_time(SEEN, SAID.first_full)
DOCTOR = Examined(path="/hash", duration=28.0, diagnosis=SAID, timeline=TIMELINE)


def run(doctor: Examined | None = DOCTOR) -> Results:
    plan = Plan(experiments=("native-pool-saturation",), runtimes=("trio",), rounds=6, doctor="/hash")
    return replace(run_with(None), plan=plan, doctor=doctor)


def test_the_page_leads_with_the_sentence_then_queues_over_time_and_their_onsets() -> None:
    page = render(run())
    assert f"<h1>{SAID.verdict.removesuffix('.')}</h1>" in page
    first = page[page.index('id="doctor"') : page.index('id="learned"')]
    assert "native_pool</code> fills first, after" in first
    assert first.count('class="plot"') >= 3
    assert SAID.onset_load is not None
    assert f"{SAID.onset_load:.3g}/s (" in first
    assert "Not growing: <code>run_queue</code>" in first
    assert '<a href="#doctor">Which queue fills first</a>' in page


def test_every_experiment_is_still_told() -> None:
    learned = render(run())[slice(None)].split('id="learned"')[1].split("<nav")[0]
    alone = render(run_with(None)).split('id="learned"')[1].split("<nav")[0]
    assert learned.count("<li>") == alone.count("<li>") + 1, "the strongest finding is not the headline any more"


def test_a_doctor_that_failed_is_told_and_does_not_lead() -> None:
    failed = Examined(path="/hash", duration=1.0, diagnosis=None, timeline=None, failed="It could not be run: no port.")
    page = render(run(failed))
    assert "It could not be run: no port." in page
    assert page[page.index("<h1>") : page.index("</h1>")] in render(run_with(None))
    assert run(failed).unexamined


def test_a_doctor_that_could_not_tell_does_not_lead() -> None:
    nothing = replace(SAID, verdict="The ramp has no whole round, so nothing can be said.", findings=(), queues=())
    page = render(run(replace(DOCTOR, diagnosis=nothing)))
    assert page[page.index("<h1>") : page.index("</h1>")] in render(run_with(None))
    assert f"<p>{nothing.verdict}</p>" in page


def test_a_run_that_was_interrupted_before_the_doctor_says_so() -> None:
    assert run(None).unexamined
    assert not run().unexamined
    assert not run_with(None).unexamined, "a run without a plan, or of single experiments, needs no doctor"


def test_the_record_survives_its_file() -> None:
    assert read_results(msgspec.json.decode(encode(run()))).doctor is not None
    again = read_results(msgspec.json.decode(encode(run())))
    assert render(again) == render(read_results(msgspec.json.decode(encode(again))))


def test_steps_follow_each_other_on_one_time_axis() -> None:
    assert TIMELINE is not None
    begins = [phase.begin for phase in TIMELINE.phases]
    assert begins == sorted(begins)
    assert [phase.offered is None for phase in TIMELINE.phases].count(True) == 1, "the ladder has no rate"
    assert list(TIMELINE.seconds) == sorted(TIMELINE.seconds)
    (full,) = [phase for phase in TIMELINE.phases if phase.first_full]
    assert full.first_full == "native_pool"
    assert full.full_at is not None
    assert full.begin < full.full_at <= full.end
    assert over_time(replace(SEEN, steps=tuple(replace(step, sightings=()) for step in SEEN.steps)), None) is None
