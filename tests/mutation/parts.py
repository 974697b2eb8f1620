"""The parts that decide and count, each with the tests that hold it.

Tests that start processes or servers, and those that wait for the clock, are left out: a mutant costs one run of a part's
tests, and a test that fails now and then would count as a kill.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Modules as patterns below trio_lab/, and paths below tests/."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


PARTS: dict[str, Part] = {
    "admission": Part(modules=("admission/*.py",), tests=("admission",)),
    "dispatch": Part(
        modules=("pools/dispatch.py", "pools/backlog.py", "pools/slot.py", "pools/staff.py", "pools/job.py"),
        tests=(
            "pools/test_dispatch.py",
            "pools/test_dispatch_model.py",
            "pools/test_slot.py",
            "pools/test_staff.py",
            "pools/test_job.py",
        ),
    ),
    "scaling": Part(
        modules=("pools/restart.py", "pools/scaling.py", "pools/autoscaler.py", "pools/limits.py"),
        tests=(
            "pools/test_restart.py",
            "pools/test_scaling.py",
            "pools/test_autoscaler.py",
            "pools/test_limits.py",
        ),
    ),
    "diagnose": Part(modules=("diagnose/*.py", "diagnose/rules/*.py"), tests=("diagnose",)),
    "histogram": Part(
        modules=("measure/histogram.py", "measure/percentile.py"),
        tests=("measure/test_histogram.py", "measure/test_percentile.py"),
    ),
    "loop": Part(
        modules=(
            "loop/loop_time.py",
            "loop/stalls.py",
            "loop/lag_detector.py",
            "loop/passes.py",
            "loop/run_queue.py",
            "loop/steps.py",
        ),
        tests=(
            "loop/test_lag_detector.py",
            "loop/test_passes.py",
            "loop/test_stalls.py",
            "loop/test_steps.py",
        ),
    ),
    "load": Part(
        modules=("load/arrivals.py", "load/tally.py", "load/results.py"),
        tests=("load/test_load_arrivals.py", "load/test_load_tally.py"),
    ),
    "report": Part(
        modules=("report/scales.py", "report/table.py", "report/limits.py"),
        tests=("report/test_scales.py", "report/test_table.py", "report/test_limits.py"),
    ),
}
