"""How right are the doctor's saturation load and first queue? ``python -m tests.doctor.accuracy``, or ``make accuracy``.

It takes an hour. Each subject is examined as ``trio-lab doctor --quick`` does. What a request costs is measured before and
after that, in a closed load: the time for which it holds a place, which the server tells, or the CPU time of the server, which
the system tells. The places ÷ that time, or the cores ÷ it, is the load that the doctor should find.

``/wait`` is also held below its load, where the doctor should find nothing.

Every run is kept in ``.accuracy``. So an interrupted command can go on, and a later version can diagnose the same runs;
``--times 1`` tries it out. A run that other programs disturbed is kept apart, counted, and repeated. The table goes into the
docs if every subject has a run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryFile

import trio

from tests.verdicts import machine
from trio_lab.cores import usable_cores
from trio_lab.diagnose.diagnosis import diagnose
from trio_lab.doctor.examine import Examiner
from trio_lab.doctor.ramp import Budget, Plan
from trio_lab.doctor.service import RunningServer
from trio_lab.records.codec import encode
from trio_lab.records.diagnosis import Diagnosis
from trio_lab.records.examination import Examination, Step
from trio_lab.records.reading import read_examination
from trio_lab.stage.launch import serve
from trio_lab.stage.loaders import Loaders
from trio_lab.stage.server import Server, serving
from trio_lab.subjects import known_series, known_threads

FOLDER = Path(".accuracy")
PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
_TABLE = "## The last time\n"
_SECONDS = 2.0  # of the load that measures what a request costs
_CHANGED = 0.06  # of that cost; if it differs by more before and after, the machine has changed its speed
_DISTURBED = 0.5  # of the steps
_MOST_TRIES = 3  # of a run
_BELOW, _ROUNDS = (0.6, 0.9), 3
_NODE = str(Path(known_series.__file__).with_name("known_node.mjs"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A server whose load is known. ``places`` requests are served at a time. ``told_by`` is the queue that tells for how long
    each is, "itself" if the server has a route for that, None if a request costs CPU time."""

    name: str
    command: Sequence[str]
    path: str = "/"
    first: str | None = None
    places: int
    told_by: str | None = "itself"
    bound: float

    async def spent(self, server: Server) -> tuple[float, float]:
        """Requests that were served so far, and their seconds. CPU seconds have no count."""
        if self.told_by is None:
            return 0.0, server.cpu_seconds()
        if self.told_by == "itself":
            told = await server.get("/told")
            return told["count"], told["seconds"]
        service = (await server.health()).queue(self.told_by).service
        return (service.count, service.count * service.mean) if service else (0.0, 0.0)


def python(program: object) -> list[str]:
    return [sys.executable, "-m", program.__name__]  # type: ignore[attr-defined]


CORES = usable_cores()
WAITING, COMPUTING = 0.05, 0.1
WAIT = Subject(
    name="/wait", command=serve("--threads", "4"), path="/wait?ms=50", first="native_pool", places=4,
    told_by="native_pool", bound=WAITING,
)  # fmt: skip
SUBJECTS = (
    WAIT,
    Subject(
        name="/hash", command=serve("--threads", "4"), path="/hash", first="native_pool", places=min(4, CORES), told_by=None,
        bound=COMPUTING,
    ),
    Subject(
        name="/hash, short", command=serve("--threads", "4"), path="/hash?rounds=15000", first="native_pool",
        places=min(4, CORES), told_by=None, bound=COMPUTING,
    ),
    Subject(
        name="/worker-hash", command=serve("--workers", "1"), path="/worker-hash?rounds=15000", first="worker_pool",
        places=1, told_by="worker_pool", bound=COMPUTING,
    ),
    Subject(
        name="/sync-hash", command=serve(), path="/sync-hash?rounds=15000", first="run_queue", places=1, told_by=None,
        bound=COMPUTING,
    ),
    Subject(name="two queues in series", command=python(known_series), places=3, bound=WAITING),
    Subject(name="threads of Python's library", command=python(known_threads), places=4, bound=WAITING),
    Subject(name="node, pbkdf2", command=["node", _NODE], places=min(4, CORES), told_by=None, bound=COMPUTING),
)  # fmt: skip


async def cost(subject: Subject, server: Server) -> float:
    """Seconds that a request holds a place, or a core."""
    before = await subject.spent(server)
    plan = {"url": server.url + subject.path, "connections": 4, "duration": _SECONDS, "timeout": 30.0}
    result = (await Loaders().load(plan)).require_ok()
    served, seconds = (then - now for then, now in zip(await subject.spent(server), before, strict=True))
    return seconds / (served or result.requests.completed)


def below(load: float) -> partial[Plan | None]:
    """A ramp that stays below the load."""
    ramp = [
        Plan(part="ramp", round=number, nominal=share, rate=share * load, duration=0.8)
        for number in range(_ROUNDS)
        for share in _BELOW
    ]
    ladder = Plan(part="ladder", clients=1, duration=0.6)
    return partial(_next_of, [Plan(part="rest", duration=0.6), ladder, *ramp])


def _next_of(plans: Sequence[Plan], steps: Sequence[Step], budget: Budget, spent: float) -> Plan | None:
    return plans[len(steps)] if len(steps) < len(plans) else None


async def examine(subject: Subject, *, stay_below: bool) -> tuple[Examination, list[float]]:
    """What was seen, and what the subject bears by its cost, before and after."""
    with TemporaryFile() as log:  # what it stalled on is not asked here
        async with serving(subject.command, stderr=log) as server:
            return await _examine(subject, server, stay_below=stay_below)


async def _examine(subject: Subject, server: Server, *, stay_below: bool) -> tuple[Examination, list[float]]:
    loads = [subject.places / await cost(subject, server)]
    examiner = Examiner(
        service=RunningServer(server.url),
        ours=True,
        path=subject.path,
        probe="/health",
        budget=Budget.of(quick=True),
    )
    if stay_below:
        examiner.choose = below(loads[0])
    found = await examiner.run()
    loads.append(subject.places / await cost(subject, server))
    return found, loads


def disturbed(examination: Examination, loads: Sequence[float]) -> bool:
    """Whether other programs took the CPU, or the machine changed its speed."""
    ramp = list(examination.of("ramp"))
    unclean = sum(not step.clean for step in ramp) / max(1, len(ramp))
    return unclean > _DISTURBED or abs(loads[1] / loads[0] - 1) > _CHANGED


def make(subject: Subject, number: int, *, stay_below: bool = False) -> None:
    """One run, unless it is there."""
    folder = folder_of(subject, stay_below=stay_below)
    folder.mkdir(parents=True, exist_ok=True)
    for again in count(1):
        if (folder / f"{number}.loads").exists():
            return
        examination, loads = trio.run(partial(examine, subject, stay_below=stay_below))
        spoilt = disturbed(examination, loads) and again < _MOST_TRIES
        file = folder / (f"{number}.{again}.disturbed" if spoilt else f"{number}.json")
        file.write_bytes(encode(examination))
        if not spoilt:
            (folder / f"{number}.loads").write_text(json.dumps(loads))


def folder_of(subject: Subject, *, stay_below: bool = False) -> Path:
    return FOLDER / ((subject.name.strip("/") + " below" * stay_below).replace(" ", "-"))


def kept(folder: Path) -> list[tuple[Diagnosis, float]]:
    """The diagnoses of all runs that are there, with the true loads."""
    found = []
    for loads in sorted(folder.glob("*.loads")):
        examination = read_examination(loads.with_suffix(".json").read_bytes())
        found.append((diagnose(examination), fmean(json.loads(loads.read_text()))))
    return found


def row(subject: Subject) -> tuple[str, bool]:
    """A line of the table, and whether enough runs were right."""
    found = kept(folder := folder_of(subject))
    errors = [(one.saturation_load or 0.0) / load - 1 for one, load in found]
    right = sum(abs(error) <= subject.bound for error in errors)
    held = sum(bool(one.saturation_interval) and _holds(one, load) for one, load in found)
    named = sum(one.first_full == subject.first for one, _ in found)
    replaced = len(list(folder.glob("*.disturbed")))
    cells = (
        subject.name,
        f"{median(load for _, load in found):.4g}/s",
        f"{median(errors):+.1%}",
        f"{min(errors):+.1%} to {max(errors):+.1%}",
        f"{right} of {len(found)} within ± {subject.bound:.0%}",
        f"{held} of {len(found)}",
        f"`{subject.first}` in {named} of {len(found)}" if subject.first else "–",
        str(replaced),
    )
    return f"| {' | '.join(cells)} |", right >= 0.9 * len(found) and (subject.first is None or named == len(found))


def _holds(found: Diagnosis, load: float) -> bool:
    low, high = found.saturation_interval or (0.0, 0.0)
    return low <= load <= high


def false_alarms() -> tuple[int, int]:
    """Of the runs below the load, those in which something was found, and all."""
    found = [one for one, _ in kept(folder_of(WAIT, stay_below=True))]
    return sum(one.saturation_load is not None or one.first_full != "none" for one in found), len(found)


def report() -> bool:
    """Print the table, put it into the docs if it has every subject, and tell whether all is right."""
    lines = [
        "| subject | bears | median error | errors | right | interval holds it | first queue | replaced |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = [row(subject) for subject in SUBJECTS if kept(folder_of(subject))]
    alarms, below_ = false_alarms()
    lines += [line for line, _ in rows]
    if below_:
        lines += ["", f"At 0.9 of the load of `/wait` something was found in {alarms} of {below_} runs."]
    print("\n".join(lines))
    if len(rows) < len(SUBJECTS):
        return False
    above, _, _ = PAGE.read_text("utf-8").partition(_TABLE)
    PAGE.write_text("\n".join([above + _TABLE, machine(), "", *lines, ""]), "utf-8")
    return not alarms and all(right for _, right in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="runs of each subject, and twice as many below the load")
    parser.add_argument("--only", nargs="+", choices=[subject.name for subject in SUBJECTS], help="these subjects")
    parser.add_argument("--no-runs", action="store_true", help="diagnose what is there once more")
    asked = parser.parse_args()
    subjects = [subject for subject in SUBJECTS if not asked.only or subject.name in asked.only]
    for number in range(0 if asked.no_runs else asked.times):
        for subject in subjects:  # in turn, for the machine changes within hours too
            print(f"run {number + 1} of {asked.times}, {subject.name}", file=sys.stderr)
            make(subject, number)
        for twice in (2 * number, 2 * number + 1):
            if WAIT in subjects:
                make(WAIT, twice, stay_below=True)
    return 0 if report() else 1


if __name__ == "__main__":
    sys.exit(main())
