"""Unit: the CPU time of children counts while they live, not only when they have ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trio_lab.measure import usage
from trio_lab.measure.usage import UsageMeter

_COMPUTE = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"


def test_a_child_counts_while_it_lives_and_once_when_it_has_ended() -> None:
    meter = UsageMeter()
    with subprocess.Popen([sys.executable, "-c", _COMPUTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive = meter.read().children_cpu
        child.communicate(b"\n")
    ended = meter.read().children_cpu
    meter.close()
    assert alive is not None
    assert alive >= 0.15
    assert ended is not None
    assert 0 <= ended - alive < 0.15, "counted twice, it would be as much again"


def test_a_child_missed_while_it_ends_does_not_set_the_counter_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = iter([1.0, 3.0, 3.0 - 1e-12, 1.5, 4.0])  # at the begin, then four readings
    monkeypatch.setattr(usage, "_children_seconds", lambda: next(sums))
    meter = UsageMeter()
    read = [meter.read().children_cpu for _ in range(4)]
    meter.close()
    assert read == [2.0, 2.0, 2.0, 3.0]
