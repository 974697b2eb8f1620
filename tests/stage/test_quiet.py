"""What others took of the machine while we measured: none of it is our own."""

from __future__ import annotations

import subprocess
import sys

from trio_lab.stage.quiet import our_seconds

_COMPUTE = "import time\nwhile time.process_time() < 0.3: pass"
_PARENT = f"""import subprocess, sys
subprocess.run([sys.executable, '-S', '-c', {_COMPUTE!r}])
print(flush=True)
input()"""


def test_what_a_child_of_a_child_used_before_it_ended_stays_ours() -> None:
    before = our_seconds()
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive = our_seconds() - before  # the child lives, and has reaped its own
        child.communicate(b"\n")
    ended = our_seconds() - before
    assert alive >= 0.28
    assert -0.01 < ended - alive < 0.25, "counted twice, it would be as much again"
