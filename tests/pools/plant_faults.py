"""Plants faults in what decides for the worker pool, one at a time and in a copy, and lets `pool_machine` look for each.

    python -m tests.pools.plant_faults          # all faults; names choose some

A fault that survives is a promise that no invariant expresses. The copy without a fault has to pass as many steps.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.planting import Fault, copied, planted

POOLS = "trio_lab/pools"
STEPS = 40_000

FAULTS = {
    "a job that was taken back leaves its limit to the next": Fault(
        file=f"{POOLS}/slot.py", right="if first in back:", wrong="if first in back and not self.jobs:"
    ),
    "a job whose caller has left is given to another worker": Fault(
        file=f"{POOLS}/dispatch.py", right="            if job.caller is None:\n", wrong="            if False:\n"
    ),
    "what a worker has not read is not taken back": Fault(
        file=f"{POOLS}/driver.py", right="() if large else tuple(iter(worker.take_back, None))", wrong="()"
    ),
    "a job is ended before the replies are read": Fault(
        file=f"{POOLS}/driver.py", right="*worker.read_all(), now", wrong="[], 0, now"
    ),
    "a job is ended while its reply is coming": Fault(
        file=f"{POOLS}/dispatch.py", right="if not slot.is_replying(received, now + KILL_AFTER):", wrong="if True:"
    ),
    "a job that has its place expires": Fault(
        file=f"{POOLS}/slot.py", right="            job.deadline = inf  # it has got its place\n", wrong=""
    ),
    "a job that lost its place never expires": Fault(
        file=f"{POOLS}/dispatch.py", right="        self.backlog.wait_again(now)\n", wrong=""
    ),
    "jobs on their way do not count against max_jobs": Fault(
        file=f"{POOLS}/slot.py",
        right="self._max_jobs - self.served)",
        wrong="max(0, self._max_jobs - self.served) * 9)",
    ),
    "max_age is looked at by housekeeping alone": Fault(
        file=f"{POOLS}/dispatch.py",
        right="limits.max_jobs is not None or limits.max_age is not None",
        wrong="limits.max_jobs is not None",
    ),
    "an idle worker takes back nothing": Fault(
        file=f"{POOLS}/dispatch.py",
        right="        if self._idle:\n            for slot in islice",
        wrong="        if False:\n            for slot in islice",
    ),
    "jobs stay behind one that runs long": Fault(
        file=f"{POOLS}/dispatch.py", right="now >= self._next_patrol and self._patrol(now)", wrong="False"
    ),
    "what was taken back last is next": Fault(
        file=f"{POOLS}/backlog.py", right="insort(self.held, job, key=_NUMBER)", wrong="self.held.appendleft(job)"
    ),
    "a job past its deadline is given to a worker": Fault(
        file="trio_lab/admission/waiting_room.py",
        right="            if entry.deadline > now:\n",
        wrong="            if True:\n",
    ),
    "held jobs do not expire": Fault(
        file=f"{POOLS}/backlog.py", right="[job for job in self.held if job.deadline <= now]", wrong="[]"
    ),
    "jobs sent ahead do not expire": Fault(
        file=f"{POOLS}/dispatch.py", right="islice(slot.jobs, 1, None))))", wrong="())))"
    ),
    "a worker is killed before its job was asked to end": Fault(
        file=f"{POOLS}/staff.py", right="if job is not None and not slot.interrupted:", wrong="if False:"
    ),
    "the job of a caller that left is not ended": Fault(
        file=f"{POOLS}/staff.py", right='self._limits.on_cancel == "stop"', wrong="False"
    ),
    "the jobs that a dead worker had not read are lost": Fault(
        file=f"{POOLS}/dispatch.py", right="        self._hold(slot, unread, now)\n", wrong=""
    ),
    "a worker that retires is not asked to end": Fault(
        file=f"{POOLS}/dispatch.py",
        right="        elif slot.state is State.RETIRING:\n            self.staff.end(slot, now)\n\n    def _refill",
        wrong="\n    def _refill",
    ),
    "a worker that does not end is waited for": Fault(
        file=f"{POOLS}/staff.py", right="slot.end_by(now + _END_TIME)", wrong="slot.end_by(math.inf)"
    ),
    "one failed start is two deaths": Fault(
        file=f"{POOLS}/staff.py",
        right="            self.budget.died(now, slot.started)\n",
        wrong="            self.budget.died(now, slot.started)\n            self.budget.died(now, slot.started)\n",
    ),
    "a ready worker goes and one that starts stays": Fault(
        file=f"{POOLS}/staff.py",
        right="(State.BUSY, State.IDLE, State.STARTING,",
        wrong="(State.BUSY, State.STARTING, State.IDLE,",
    ),
    "jobs sent ahead are counted wrongly": Fault(
        file=f"{POOLS}/slot.py", right="before - (len(jobs) or 1)", wrong="before - len(jobs)"
    ),
    "a worker that becomes ready is given nothing": Fault(
        file=f"{POOLS}/dispatch.py",
        right="            self.staff.on_ready(slot, now)\n            self._spread(now)\n",
        wrong="            self.staff.on_ready(slot, now)\n",
    ),
    "a dead worker is not replaced when its time comes": Fault(
        file=f"{POOLS}/dispatch.py",
        right="                actions.at(due)\n        self.staff.start_wanted(now)\n",
        wrong="                actions.at(due)\n",
    ),
}


def search(copy: Path, steps: int) -> tuple[bool, str]:
    """Whether the machine finds something wrong in this copy of the project, and what."""
    command = [sys.executable, "-m", "tests.pools.pool_machine", str(steps), "1"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env={"PYTHONPATH": str(copy)})
    said = [line for line in done.stdout.splitlines() if line.startswith("broken")]
    return done.returncode != 0, said[-1] if said else done.stderr[-200:]


def main(names: list[str]) -> int:
    survivors = 0
    with copied("trio_lab", "tests") as copy:
        wrong, what = search(copy, STEPS)
        print(f"without a fault: {'FAILS: ' + what if wrong else f'{STEPS} steps and nothing wrong'}", flush=True)
        for name in names or FAULTS:
            with planted(copy, FAULTS[name]):
                found, what = search(copy, STEPS)
            survivors += not found
            print(f"{'found' if found else 'SURVIVES'}: {name}{': ' + what if found else ''}", flush=True)
    print(f"{len(names or FAULTS) - survivors} of {len(names or FAULTS)} faults found")
    return 1 if survivors or wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
