"""Unit: why a pass was long, by table; which line is to blame; bounded memory."""

from __future__ import annotations

import gc
import os
import re
import site
import subprocess
import sys
import sysconfig
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from trio_lab.attach import reporter
from trio_lab.loop import code_line
from trio_lab.loop.awaits import Changes
from trio_lab.loop.code_line import CodeLine, blamed, step_frames
from trio_lab.loop.stalls import (
    LineSample,
    PassMeasurements,
    Stall,
    StallTable,
    Steps,
    cause_of,
    cause_of_oversleep,
    stall_of,
)
from trio_lab.measure.usage import UsageMeter

QUIET: dict[str, float] = {
    "duration": 0.2,
    "budget": 0.05,
    "loop_cpu": 0.0,
    "loop_delayed": 0.0,
    "process_cpu": 0.0,
    "gc": 0.0,
    "shut_out": 0.013,
    "late": 0.0002,
}


def measured(**found: float) -> PassMeasurements:
    return PassMeasurements(**(QUIET | found))


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"loop_cpu": 0.2, "process_cpu": 0.2}, "python"),
        ({"loop_cpu": 0.2, "process_cpu": 0.4}, "python"),  # pool threads hash beside it, without the GIL
        ({"loop_cpu": 0.2, "process_cpu": 0.2, "shut_out": 0.19}, "c call"),
        ({}, "blocking call"),
        ({"process_cpu": 0.2}, "blocking call"),  # others compute, but nobody waits for the GIL
        ({"loop_cpu": 0.05, "process_cpu": 0.2, "late": 0.01}, "gil"),
        ({"process_cpu": 0.2, "late": 0.1, "shut_out": 0.2}, "gil"),  # a C call in another thread
        ({"loop_cpu": 0.2, "process_cpu": 0.2, "shut_out": 0.19, "gc": 0.15}, "gc"),
        ({"shut_out": 0.199, "late": 0.19}, "not running"),
        ({"starved": 0.15}, "not running"),  # the watchdog had the GIL and no CPU
        ({"loop_cpu": 0.04, "process_cpu": 0.04, "loop_delayed": 0.16, "late": 0.05}, "not running"),
        ({"duration": 0.06, "loop_cpu": 0.04, "process_cpu": 0.04, "loop_delayed": 0.02}, "not running"),
        ({"loop_cpu": 0.08, "process_cpu": 0.08, "loop_delayed": 0.12}, "python"),  # too long with any CPU
        ({"loop_cpu": 0.08, "process_cpu": 0.08, "loop_delayed": 0.12, "shut_out": 0.07}, "c call"),
        ({"duration": 0.06, "loop_delayed": 0.02, "process_cpu": 0.05, "late": 0.005}, "gil"),
        # Threads that compute, and those that hash without the GIL while the loop waits for something else, as measured.
        ({"process_cpu": 0.18, "late": 0.001, "nap": 0.0048}, "gil"),
        ({"process_cpu": 0.18, "late": 0.003, "nap": 0.15}, "blocking call"),
        ({"process_cpu": 0.3, "late": 0.0002, "nap": 0.001}, "blocking call"),  # a thousand short calls
        # On a crowded machine the holder of the GIL gets little CPU time, and so does the watchdog.
        ({"process_cpu": 0.03, "starved": 0.13, "late": 0.005}, "gil"),
        ({"process_cpu": 0.03, "starved": 0.13}, "not running"),
        ({"process_cpu": 0.019, "starved": 0.19, "late": 0.005}, "not running"),  # the watchdog alone computed
    ],
)
def test_causes_are_told_apart(found: dict[str, float], cause: str) -> None:
    assert cause_of(measured(**found)) == cause


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"shut_out": 0.2}, "not running"),
        ({"process_cpu": 0.19}, "gil"),
        ({"gc": 0.18, "process_cpu": 0.2}, "gc"),
        # As measured on a crowded machine: two threads that compute, one of which has the GIL,
        ({"loop_delayed": 0.034, "process_cpu": 0.044}, "gil"),
        ({"loop_delayed": 0.094, "process_cpu": 0.05}, "gil"),
        # threads that hash without it, while the loop waits for a CPU,
        ({"loop_delayed": 0.198, "process_cpu": 0.2}, "not running"),
        ({"loop_delayed": 0.196, "process_cpu": 0.068}, "not running"),
        # and a stopped process.
        ({"loop_delayed": 0.002, "process_cpu": 0.004, "late": 0.2}, "not running"),
    ],
)
def test_a_poll_that_lasts_too_long_is_nobodys_line(found: dict[str, float], cause: str) -> None:
    assert cause_of_oversleep(measured(**found)) == cause


WHOLE = {"duration": 1.0, "budget": 0.75, "shut_out": 0.0}


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"gc": 0.5}, "gc"),
        ({"loop_cpu": 0.5, "process_cpu": 0.5}, "python"),
        ({"loop_cpu": 0.5, "process_cpu": 0.5, "shut_out": 0.5}, "c call"),
        ({"shut_out": 0.5}, "not running"),
        ({"process_cpu": 0.3, "shut_out": 0.9}, "blocking call"),
        ({"process_cpu": 0.3, "late": 0.0025}, "gil"),
        ({"process_cpu": 0.3, "late": 0.0024}, "blocking call"),
        ({"process_cpu": 0.3, "late": 0.001, "nap": 0.0075}, "gil"),
        ({"process_cpu": 0.3, "late": 0.0009, "nap": 0.0075}, "blocking call"),
        ({"process_cpu": 0.3, "late": 0.01, "nap": 0.0076}, "blocking call"),
        ({"process_cpu": 0.1, "starved": 0.9, "late": 0.01}, "gil"),
        ({"process_cpu": 0.09, "starved": 0.9, "late": 0.01, "shut_out": 0.0}, "not running"),
        ({"loop_cpu": 0.2, "process_cpu": 0.3, "late": 0.01}, "blocking call"),  # others used a tenth of it
        ({"loop_cpu": 0.6, "process_cpu": 0.6, "loop_delayed": 0.3}, "not running"),
        ({"loop_delayed": 0.5}, "not running"),
        ({"loop_cpu": 0.5, "process_cpu": 0.5, "loop_delayed": 0.5, "budget": 0.5}, "python"),
    ],
)
def test_a_cause_begins_at_its_share_of_the_pass(found: dict[str, float], cause: str) -> None:
    assert cause_of(measured(**WHOLE | found)) == cause


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"gc": 0.5}, "gc"),
        ({"process_cpu": 0.11}, "gil"),
        ({"process_cpu": 0.1}, "not running"),
        ({"loop_delayed": 0.4, "process_cpu": 0.061}, "gil"),
        ({"loop_cpu": 0.2, "process_cpu": 0.27}, "not running"),
        ({"process_cpu": 0.9, "loop_delayed": 0.5}, "not running"),
        ({"process_cpu": 0.9, "loop_delayed": 0.49}, "gil"),
    ],
)
def test_a_cause_of_an_oversleep_begins_at_its_share_of_the_poll(found: dict[str, float], cause: str) -> None:
    assert cause_of_oversleep(measured(**WHOLE | found)) == cause


def test_a_look_that_came_late_stands_for_all_that_it_missed() -> None:
    looks = [replace(sample(3), stands_for=0.15), sample(5), sample(5)]
    looks[1:] = [replace(look, stands_for=0.01) for look in looks[1:]]
    found = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), looks)
    assert (found.lineno, found.samples) == (3, 1)
    assert found.share == pytest.approx(0.15 / 0.17)


def steps(**found: Any) -> Steps:
    return Steps(
        **({"count": 2000, "longest": 0.0003, "entry_queue": 0.0, "callbacks": 0, "top": (("small", 0.19),)} | found)
    )


def test_a_pass_of_many_small_steps_and_a_flood_are_named() -> None:
    busy = measured(loop_cpu=0.2, process_cpu=0.2)
    assert cause_of(busy, steps()) == "many small steps"
    assert cause_of(busy, steps(longest=0.15)) == "python"
    assert cause_of(busy, steps(count=20)) == "many small steps"
    assert cause_of(busy, steps(count=19)) == "python"
    assert cause_of(busy, steps(count=5)) == "python"


def test_half_of_the_pass_is_a_long_step_and_a_busy_entry_queue() -> None:
    busy = measured(**WHOLE | {"loop_cpu": 1.0, "process_cpu": 1.0})
    assert cause_of(busy, steps(longest=0.5)) == "python"
    assert cause_of(busy, steps(longest=0.5, entry_queue=0.5, callbacks=20)) == "entry queue"


@pytest.mark.parametrize(
    ("callbacks", "cause"), [(1000, "entry queue"), (20, "entry queue"), (19, "python"), (1, "python")]
)
def test_callbacks_are_a_flood_when_they_are_many(callbacks: int, cause: str) -> None:
    queue = steps(count=3, longest=0.19, entry_queue=0.19, callbacks=callbacks)
    assert cause_of(measured(loop_cpu=0.2, process_cpu=0.2), queue) == cause
    assert cause_of(measured(loop_cpu=0.2, process_cpu=0.2), replace(queue, entry_queue=0.05)) == "python"


def sample(lineno: int) -> LineSample:
    return LineSample(CodeLine("app.py", lineno, "handler"), "task", ("main", "task"), "GET /hash")


def test_a_look_at_the_task_that_took_the_time_goes_before_later_looks_at_others() -> None:
    others = [replace(sample(9), task_name="small")] * 2
    found = stall_of(
        measured(loop_cpu=0.2, process_cpu=0.2), [sample(1), *others], steps(count=3, top=(("task", 0.19),))
    )
    assert (found.lineno, found.task_name) == (1, "task")
    half = stall_of(measured(**WHOLE), [sample(1), *others], steps(top=(("task", 0.5),)))
    assert half.lineno == 1
    unseen = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), others, steps(count=3, top=(("task", 0.19),)))
    assert (unseen.lineno, unseen.task_name) == (9, "small")  # what was seen is told


def test_the_line_seen_most_often_is_the_one() -> None:
    found = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [sample(1), sample(7), sample(7), sample(9)])
    assert (found.filename, found.lineno, found.samples, found.share) == ("app.py", 7, 2, 0.5)
    assert str(found).startswith("200 ms (python): app.py:7 in handler, task task")
    assert "GET /hash" in str(found)


@pytest.mark.parametrize(
    ("stalls", "awaits"),
    [
        (["AAAA", "AAA"], 0.0),  # one line that blocks
        (["AABBCC", "ABC"], 0.0),  # a handler that blocks in its middle, and what came before and after
        (["AAAAAAAAB"] * 9 + ["BAAAAAAAA"], 0.025),
        (["ABABA"], 1.0),  # in an await and out of it, and no other task ran
        (["AB", "BA", "AA", "BB"], 0.5),  # seen in short steps, too
        (["ABCABC"], 0.0),  # each change in one direction
        (["A", "B"], None),  # no step was looked at twice
    ],
)
def test_steps_that_go_into_awaits_and_out_of_them_are_told(stalls: list[str], awaits: float | None) -> None:
    table = StallTable()
    for looks in stalls:
        samples = [replace(sample(7), step=1, coroutines=ord(one)) for one in looks]
        table.add(stall_of(measured(loop_cpu=0.2, process_cpu=0.2), samples), samples)
    [row] = table.rows()
    assert row.awaits == (None if awaits is None else pytest.approx(awaits))


def test_steps_of_several_tasks_are_told_apart() -> None:
    samples = [replace(sample(7), step=step, coroutines=ord(one)) for step, one in ((1, "A"), (2, "B"), (3, "A"))]
    table = StallTable()
    table.add(stall_of(measured(loop_cpu=0.2, process_cpu=0.2), samples), samples)
    assert table.rows()[0].awaits is None


def test_changes_are_kept_in_bounded_memory() -> None:
    changes = Changes()
    changes.add((1, number) for number in range(1000))
    changes.add((1, number) for number in [0, 1, 0, 1])
    assert len(changes._seen) == 64


def test_a_pass_that_nobody_saw_is_still_told() -> None:
    found = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [])
    assert (found.duration, found.cause, found.samples) == (0.2, "python", 0)
    assert "nobody saw where" in str(found)


@pytest.mark.parametrize("samples", [(), (1,)])
def test_a_stall_tells_when_it_began_and_the_tasks_of_its_steps(samples: tuple[int, ...]) -> None:
    small = steps()
    found = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [sample(line) for line in samples], small, began=5.0)
    assert (found.began, found.cause, found.top) == (5.0, "many small steps", small.top)
    assert found.path == (("main", "task") if samples else ())
    assert stall_of(measured(), []).began == 0.0


def test_a_stall_is_told_in_one_line() -> None:
    assert str(Stall(duration=2.0, cause="gil")) == "2000 ms (gil): nobody saw where"
    assert str(stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [sample(7)])) == (
        "200 ms (python): app.py:7 in handler, task task, GET /hash"
    )


def test_a_row_sums_up_its_stalls() -> None:
    table = StallTable()
    for duration, samples in ((0.25, 2), (0.5, 3), (0.125, 1)):
        table.add(Stall(duration=duration, cause="python", filename="a.py", samples=samples))
    (row,) = table.rows()
    assert (row.count, row.total, row.longest, row.samples) == (3, 0.875, 0.5, 6)
    assert [stall.duration for stall in table.last] == [0.25, 0.5, 0.125]


def test_the_table_keeps_a_thousand_stalls_and_two_hundred_lines_unless_told_otherwise() -> None:
    table = StallTable()
    for lineno in range(1001):
        table.add(Stall(duration=1.0, cause="python", filename="a.py", lineno=lineno))
    assert len(table.last) == 1000
    assert len(table.rows()) == 201


def test_the_table_does_not_grow() -> None:
    table = StallTable(kept=10, most=5)
    for lineno in range(1000):
        table.add(stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [sample(lineno)]))
    assert table.count == 1000
    assert len(table.last) == 10
    rows = table.rows()
    assert len(rows) == 6
    assert (rows[0].filename, rows[0].lineno, rows[0].function) == ("", 0, "others")
    assert sum(row.count for row in rows) == 1000


def test_a_line_of_the_program_is_blamed_not_the_librarys() -> None:
    seen: list[CodeLine] = []

    def note(match: re.Match[str]) -> str:
        frames = step_frames(sys._getframe(), lambda _: False)
        seen.append(blamed([frame for frame in frames if frame.f_code is not note.__code__]))
        return ""

    re.sub("x", note, "x")  # this very line
    assert seen[0].filename == __file__
    assert seen[0].function == "test_a_line_of_the_program_is_blamed_not_the_librarys"


def test_a_line_that_sets_off_a_collection_is_blamed_not_what_measures_it() -> None:
    seen: list[CodeLine] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_qualname == "UsageMeter._on_gc":
            seen.append(blamed(step_frames(frame, lambda _: False)))

    meter = UsageMeter()
    sys.setprofile(look)
    gc.collect()
    sys.setprofile(None)
    meter.close()
    assert {line.function for line in seen} == {"test_a_line_that_sets_off_a_collection_is_blamed_not_what_measures_it"}


LIBRARY = os.path.dirname(os.__file__)


@pytest.mark.parametrize(
    ("filename", "distance"),
    [
        ("/srv/app/handlers.py", 0),
        ("/srv/app.pyz/__main__.py", 0),
        (f"{LIBRARY}-tools/report.py", 0),  # its path begins like the library's
        ("/usr/lib/python3/dist-packages/requests/api.py", 1),
        ("/usr/local/lib/python3.11/dist-packages/requests/api.py", 1),
        ("/srv/.venv/lib/python3.11/site-packages/requests/api.py", 1),
        ("/home/somebody/.local/lib/python3.11/site-packages/bundle.zip/requests/api.py", 1),
        (f"{LIBRARY}/site-packages/requests/api.py", 1),
        *[(f"{folder}/requests/api.py", 1) for folder in (*site.getsitepackages(), site.getusersitepackages())],
        (f"{LIBRARY}/re/__init__.py", 2),
        (f"{sysconfig.get_path('stdlib')}/re/__init__.py", 2),
        (f"{sys.base_prefix}/lib/python{sys.version_info[0]}{sys.version_info[1]}.zip/re/__init__.py", 2),
        ("<frozen os>", 2),
    ],
)
def test_own_code_packages_and_library_are_told_apart_by_their_folders(filename: str, distance: int) -> None:
    assert code_line._distance(filename) == distance


def test_a_folder_of_packages_with_another_name_is_known_from_site() -> None:
    told = """if True:
        import site
        site.getsitepackages = lambda: ["/opt/vendor"]
        from trio_lab.loop import code_line
        print(*map(code_line._distance, ["/opt/vendor/a.py", "/opt/vendored/a.py", site.getusersitepackages() + "/a.py"]))
    """
    said = subprocess.run([sys.executable, "-I", "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == ["1", "0", "1"]


@pytest.mark.parametrize("folder", ["/usr/lib/python3/dist-packages", "/srv/.venv/lib/python3.11/site-packages"])
def test_a_line_of_the_program_is_blamed_not_a_packages(folder: str) -> None:
    package: dict[str, Any] = {}
    exec(compile("def call(what): return what()", f"{folder}/package.py", "exec"), package)
    found = package["call"](
        lambda: [
            frame for frame in step_frames(sys._getframe(), lambda _: False) if "<lambda>" not in frame.f_code.co_name
        ]
    )
    assert found[0].f_code.co_filename == f"{folder}/package.py"
    assert blamed(found).function == "test_a_line_of_the_program_is_blamed_not_a_packages"


def test_what_the_watch_reads_for_the_doctor_is_blamed_on_that_whatever_it_calls() -> None:
    """So a pass that was long because of it can be left out."""
    reading: dict[str, Any] = {}
    exec(compile("def answer(read): return read()", reporter.__file__, "exec"), reading)
    found = blamed(reading["answer"](lambda: step_frames(sys._getframe(), lambda _: False)))
    assert found.filename == reporter.__file__


def test_a_label_that_cannot_be_read_costs_no_stall() -> None:
    class Broken:
        def __str__(self) -> str:
            raise KeyError("method")

    sample = LineSample(CodeLine("a.py", 1, "f"), "task", ("task",), Broken())
    stall = stall_of(measured(), [sample])
    assert (stall.filename, stall.label) == ("a.py", "a label that cannot be read (KeyError)")


def test_nothing_but_names_is_kept() -> None:
    assert {*Stall.__dataclass_fields__} == {
        "began", "duration", "cause", "filename", "lineno", "function", "task_name", "samples", "share", "path", "label", "top",
        "lost", "cpu",
    }  # fmt: skip
