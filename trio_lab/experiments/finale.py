"""The end of a lab: the doctor examines the lab's own server, and finds the queue that fills first there.

It is the quick examination, a little shorter, of /hash: jobs that compute, in the native pool. They are sized for the machine,
because a ramp needs many replies. What was seen is handed to the caller, for a diagnosis can be made from it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ..diagnose.diagnosis import diagnose
from ..doctor.examine import Examiner
from ..doctor.over_time import over_time
from ..doctor.ramp import Budget, Plan
from ..doctor.service import RunningServer
from ..errors import in_a_line
from ..records.examination import Examination
from ..records.result import Examined
from ..stage.stage import Stage
from .sizing import rounds_of

PATH = "/hash"
EXPECTED_S = 28.0  # seconds that a quick one takes
_JOB = 0.012  # seconds of a core
_QUICK = Budget(seconds=24.0, step=0.8, calm=1.5)


def expected_s(stage: Stage) -> float:
    """About how many seconds it takes on this stage."""
    return EXPECTED_S - _QUICK.seconds + _budget(stage).seconds


def _budget(stage: Stage) -> Budget:
    budget = _QUICK if stage.quick else Budget.of(quick=False)
    return replace(budget, seconds=budget.seconds * stage.dose, step=budget.step * min(1.0, stage.dose))


async def examined(
    path: str, stage: Stage, *, on_step: Callable[[Plan], None], keep: Callable[[Examination], None]
) -> Examined:
    """Start a server, examine it, stop it. What goes wrong is told in the record, so that a run is not lost."""
    began = time.monotonic()
    try:
        async with stage.server() as server:
            work = f"{path}?rounds={await rounds_of(server, _JOB)}"
            service, budget = RunningServer(server.url), _budget(stage)
            examiner = Examiner(service=service, ours=True, path=work, budget=budget, on_step=on_step)
            seen = await examiner.run()
        keep(seen)
        found = diagnose(seen)
        timeline = over_time(seen, found.first_full)
    except Exception as error:  # a fault here must not lose the experiments
        failed = f"It could not be run: {in_a_line(error)}."
        return Examined(path=path, duration=time.monotonic() - began, diagnosis=None, timeline=None, failed=failed)
    return Examined(path=path, duration=time.monotonic() - began, diagnosis=found, timeline=timeline)
