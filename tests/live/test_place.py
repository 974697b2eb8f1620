"""Where a loop's thread is, asked by a signal while no Python code can run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig

from trio_lab.live.place import Asking, answering, line_of, open_answers
from trio_lab.measure.process import catches

_STACK = """Stack (most recent call first):
  File "{library}/re/__init__.py", line 166 in match
  File "{app}", line 12 in check
  File "{packages}/trio/_core/_run.py", line 2701 in unrolled_run
  File "/srv/app.py", line 90 in <module>
"""
_HELD = """
import sys, threading
from trio_lab.live.place import answering
with answering(int(sys.argv[1])) as number:
    print(number, threading.get_native_id(), flush=True)
    pow(3, 10**9)
"""


def _stack(app: str) -> str:
    paths = sysconfig.get_paths()
    return _STACK.format(app=app, library=paths["stdlib"], packages=paths["purelib"])


def test_the_line_to_blame_is_the_programs_own_within_the_step() -> None:
    found = line_of(_stack("/srv/app.py"))
    assert str(found) == "/srv/app.py:12 in check"
    assert line_of("nothing of the kind") is None


def test_a_step_without_own_code_blames_the_package() -> None:
    found = line_of(_stack("/srv/lib/python3.11/site-packages/web/app.py"))
    assert found is not None
    assert found.lineno == 12


def test_a_c_call_that_holds_the_gil_tells_its_line() -> None:
    with open_answers() as (answers, answered):
        command = [sys.executable, "-c", _HELD, str(answered)]
        with subprocess.Popen(command, pass_fds=[answered], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            number, thread = map(int, process.stdout.readline().split())
            asking = Asking(process.pid, thread, number, answers)
            while str(asking.place()) != "<string>:6 in <module>":
                assert process.poll() is None
            process.kill()


def test_no_signal_is_sent_to_a_process_without_a_handler() -> None:
    command = [sys.executable, "-c", "input()"]
    with open_answers() as (answers, _), subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert Asking(process.pid, process.pid, signal.SIGRTMAX - 1, answers).place() is None
        assert process.poll() is None
        process.kill()


def test_the_handler_is_gone_after_the_block() -> None:
    with open_answers() as (_, answered):
        with answering(answered) as number:
            assert number is not None
            assert catches(os.getpid(), number)
            with answering(answered) as other:
                assert other != number
        assert not catches(os.getpid(), number)
