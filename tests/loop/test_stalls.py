"""Unit: why a pass was long, by table; which line is to blame; bounded memory."""

from __future__ import annotations

import os
import re
import site
import subprocess
import sys
import sysconfig
from dataclasses import replace
from typing import Any

import pytest

from trio_lab.loop import code_line
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
    ],
)
def test_causes_are_told_apart(found: dict[str, float], cause: str) -> None:
    assert cause_of(measured(**found)) == cause


@pytest.mark.parametrize(
    ("found", "cause"),
    [({"shut_out": 0.2}, "not running"), ({"process_cpu": 0.19}, "gil"), ({"gc": 0.18, "process_cpu": 0.2}, "gc")],
)
def test_a_poll_that_lasts_too_long_is_nobodys_line(found: dict[str, float], cause: str) -> None:
    assert cause_of_oversleep(measured(**found)) == cause


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
    unseen = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), others, steps(count=3, top=(("task", 0.19),)))
    assert (unseen.lineno, unseen.task_name) == (9, "small")  # what was seen is told


def test_the_line_seen_most_often_is_the_one() -> None:
    found = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [sample(1), sample(7), sample(7), sample(9)])
    assert (found.filename, found.lineno, found.samples, found.share) == ("app.py", 7, 2, 0.5)
    assert str(found).startswith("200 ms (python): app.py:7 in handler, task task")
    assert "GET /hash" in str(found)


def test_a_pass_that_nobody_saw_is_still_told() -> None:
    found = stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [])
    assert (found.duration, found.cause, found.samples) == (0.2, "python", 0)
    assert "nobody saw where" in str(found)


def test_the_table_does_not_grow() -> None:
    table = StallTable(kept=10, most=5)
    for lineno in range(1000):
        table.add(stall_of(measured(loop_cpu=0.2, process_cpu=0.2), [sample(lineno)]))
    assert table.count == 1000
    assert len(table.last) == 10
    rows = table.rows()
    assert len(rows) == 6
    assert rows[0].function == "others"
    assert sum(row.count for row in rows) == 1000


def test_a_line_of_the_program_is_blamed_not_the_librarys() -> None:
    seen: list[CodeLine] = []

    def note(match: re.Match[str]) -> str:
        frames = step_frames(sys._getframe())
        seen.append(blamed([frame for frame in frames if frame.f_code is not note.__code__]))
        return ""

    re.sub("x", note, "x")  # this very line
    assert seen[0].filename == __file__
    assert seen[0].function == "test_a_line_of_the_program_is_blamed_not_the_librarys"


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
        lambda: [frame for frame in step_frames(sys._getframe()) if "<lambda>" not in frame.f_code.co_name]
    )
    assert found[0].f_code.co_filename == f"{folder}/package.py"
    assert blamed(found).function == "test_a_line_of_the_program_is_blamed_not_a_packages"


def test_nothing_but_names_is_kept() -> None:
    assert {*Stall.__dataclass_fields__} == {
        "began", "duration", "cause", "filename", "lineno", "function", "task_name", "samples", "share", "path", "label", "top",
    }  # fmt: skip
