"""Does a proof prove? ``python -m tests.doctor.proofs``; an hour, and not part of the tests. It wants a quiet machine.

The lab's own server is tried against itself, and against changes whose effect is known:

- ``same``: no change at all. At most one in twenty may be called an effect. Four kinds of load take turns.
- ``tenth``: eleven threads instead of ten, for work that waits. Found in at least nine of ten, within 64 s.
- ``twentieth``: hashes that are 5 % shorter, at a fixed rate. Found in at least nine of ten, within 32 s.
- ``undersized``: a pool of two threads becomes one of eight, for work that waits. Always found.
- ``cores``: a pool as wide as the cores is made twice as wide, for work that computes. Never a gain, if the work is long:
  between two jobs of a thread its core is idle, so for jobs of 3 ms the wider pool is better by a sixth.

Every trial is kept in ``.proofs``, so that what was interrupted can go on.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import trio

from trio_lab.config import PREFIX
from trio_lab.diagnose.proof import prove
from trio_lab.doctor.trial import Side, Trier
from trio_lab.records.codec import Seconds, decode, encode
from trio_lab.records.proof import Measure, Outcome, Trial

FOLDER = Path(".proofs")
_SERVE = (sys.executable, "-m", "trio_lab", "serve")
_CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What both programs are asked for, and how. ``path`` is of the one without the change."""

    path: str
    measure: Measure = "throughput"
    rate: float | None = None
    clients: int = 16
    piece: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``wanted`` is the share of trials that must have one of the ``outcomes``. Several ``loads`` take turns."""

    loads: tuple[Load, ...]
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    outcomes: tuple[Outcome, ...] = ("helps",)
    wanted: float = 0.9


_HASHES = Load(path="/hash?rounds=20000", measure="p50", rate=30.0, piece=1.0)
CASES = {
    "same": Case(
        loads=(
            Load(path="/wait?ms=20"),
            Load(path="/hash?rounds=8000", clients=8),
            Load(path="/wait?ms=20", measure="p50", rate=100.0, piece=1.0),
            _HASHES,
        ),
        outcomes=("no effect", "undecided"),
        wanted=0.95,
    ),
    "tenth": Case(loads=(Load(path="/wait?ms=40", clients=40),), before={"THREADS": "10"}, after={"THREADS": "11"}),
    "twentieth": Case(loads=(_HASHES,), path="/hash?rounds=18900"),
    "undersized": Case(
        loads=(Load(path="/wait?ms=50", clients=32),),
        before={"THREADS": "2"},
        after={"THREADS": "8"},
        wanted=1.0,
    ),
    "cores": Case(
        loads=(Load(path="/hash?rounds=240000", clients=4 * _CORES, piece=2.0),),
        before={"THREADS": str(_CORES)},
        after={"THREADS": str(2 * _CORES)},
        outcomes=("no effect", "undecided", "worse"),
        wanted=1.0,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A trial, and how long it took altogether, with the starts of both programs."""

    trial: Trial
    seconds: Seconds


async def tried(case: Case, load: Load) -> Tried:
    base = {"PORT": "0", "WORKERS": "1"}
    before = {PREFIX + name: value for name, value in {**base, **case.before}.items()}
    after = before | {PREFIX + name: value for name, value in case.after.items()}
    trial = Trial(
        variables={name: value for name, value in after.items() if before.get(name) != value},
        path=case.path,
        measure=load.measure,
        clients=load.clients,
        rate=load.rate,
        piece=load.piece,
    )
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        trier = Trier(
            trial=trial,
            before=Side(command=_SERVE, variables=before, path=load.path),
            after=Side(command=_SERVE, variables=after, path=case.path or load.path),
            beside="/health",
            patience=5.0,
            stdout=sink,
        )
        began = time.monotonic()
        found = await trier.run()
    finally:
        os.close(sink)
    return Tried(trial=found, seconds=time.monotonic() - began)


def made(name: str, number: int) -> Tried:
    """The trial of this number, which may be there already."""
    file = FOLDER / name / f"{number}.json"
    if file.exists():
        return decode(Tried, file.read_bytes())
    case = CASES[name]
    found = trio.run(tried, case, case.loads[number % len(case.loads)])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode(found))
    return found


def line(name: str, found: list[Tried]) -> tuple[str, bool]:
    """A row of the table, and whether the case holds."""
    case, proofs = CASES[name], [prove(one.trial) for one in found]
    share = sum(proof.outcome in case.outcomes for proof in proofs) / len(proofs)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in Counter(one.outcome for one in proofs).items())
    effects = sorted(proof.effect for proof in proofs if proof.effect is not None)
    shown = f"{effects[0]:.3f} … {median(effects):.3f} … {effects[-1]:.3f}" if effects else "–"
    pairs, seconds = median(one.pairs for one in proofs), median(one.seconds for one in found)
    disturbed = sum(one.trial.disturbed for one in found) / max(1, sum(one.pairs for one in proofs))
    text = f"{name:11} {outcomes}; effects {shown}; {pairs:g} pairs in {seconds:.0f} s; {disturbed:.0%} disturbed"
    return text, share >= case.wanted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=40, help="trials of ``same``; the others have half as many")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    asked = parser.parse_args()
    found: dict[str, list[Tried]] = {name: [] for name in asked.only}
    for number in range(asked.times):
        for name in asked.only:
            if name == "same" or number < max(1, asked.times // 2):
                found[name].append(made(name, number))
                print(f"{name} {number + 1}: {prove(found[name][-1].trial).says}", file=sys.stderr, flush=True)
    held = True
    for name, trials in found.items():
        text, holds = line(name, trials)
        held = held and holds
        print(text if holds else f"{text}: NOT AS WANTED")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
