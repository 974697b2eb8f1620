"""Unit: only a program that runs is killed."""

from __future__ import annotations

import os
import subprocess
from tempfile import TemporaryFile

from trio_lab.stage.kept import Kept
from trio_lab.stage.supervised import Program


async def test_the_number_of_a_process_that_has_ended_may_be_anothers() -> None:
    pipe = subprocess.PIPE
    with TemporaryFile() as log, subprocess.Popen(["cat"], stdin=pipe, stdout=pipe) as other:
        kept, ended = Kept(["true"], env=os.environ, log=log), Program(["true"])
        ended.pid = other.pid
        ended.ended.set()
        kept._program = ended
        await kept.kill()
        assert other.communicate(b"it lives") == (b"it lives", None)
