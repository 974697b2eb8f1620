"""Do verdicts hold on a noisy machine? ``python -m tests.verdicts``, or ``make verdicts``; hours, and not part of the tests.

The lab's quick experiments are run again and again, and each of the others once, under each condition in turn: alone; on a
machine that is slowed to a half and sped up again, every ten seconds; beside a neighbour that burns one core in random
bursts. Alone nearly all outcomes must be those of the majority, and none the opposite. Beside others an outcome may be open,
and must not be the opposite either; but if all of them are open, nothing was shown.

Every run is kept in ``.verdicts``, so that what was interrupted can go on; ``--times 1`` tries it out. The table goes into
the docs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from trio_lab.errors import UsageError
from trio_lab.experiments.catalog import EXPERIMENTS
from trio_lab.measure.environment import environment
from trio_lab.records.result import Outcome
from trio_lab.report.files import load

FOLDER = Path(".verdicts")
PAGE = Path(__file__).parent.parent / "docs" / "verdicts.md"
_TABLE = "## The last time\n"
_OPPOSITE: dict[Outcome, Outcome] = {"confirmed": "refuted", "refuted": "confirmed"}
_AGREE = 0.98  # share of the outcomes of a quiet machine that must be those of the majority

Outcomes = dict[str, list[Outcome]]
"""By experiment, one of every run."""


def burn(seconds: float) -> None:
    """Compute for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def half_speed() -> None:
    """Take half of one core in short turns for ten seconds, leave it alone for ten, and so on."""
    while True:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            burn(0.01)
            time.sleep(0.01)
        time.sleep(10)


def bursts() -> None:
    """Take a whole core now and then."""
    draw = random.Random(7)
    while True:
        burn(draw.uniform(0.2, 4))
        time.sleep(draw.uniform(0.2, 4))


CONDITIONS: dict[str, tuple[Callable[[], None], int] | None] = {
    "alone": None,
    "slowed": (half_speed, os.cpu_count() or 1),
    "neighbour": (bursts, 1),
}
"""What others do meanwhile, and how many of them."""


@contextmanager
def others(condition: str) -> Iterator[None]:
    """They end with the block, and with this process."""
    what = CONDITIONS[condition]
    processes = [] if what is None else [multiprocessing.Process(target=what[0], daemon=True) for _ in range(what[1])]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def make(condition: str, number: int, names: list[str]) -> None:
    """One run, unless it is there."""
    folder = FOLDER / condition / str(number)
    try:
        run = load(folder)
        words = ["--resume", str(folder)] if run.missing else []
    except UsageError:
        words = ["--quick", "--out", str(folder), *names]
    if words:
        with others(condition):
            subprocess.run([sys.executable, "-m", "trio_lab", "run", *words], stdout=subprocess.DEVNULL, check=True)


def kept(condition: str) -> Outcomes:
    """The outcomes of all runs that are there."""
    found: Outcomes = {}
    for file in (FOLDER / condition).glob("*/results.json"):
        for one in load(file.parent).experiments:
            found.setdefault(one.name, []).append(one.outcome)
    return found


def judged(found: dict[str, Outcomes]) -> tuple[list[str], bool]:
    """A table in Markdown, and whether the verdicts hold. What alone comes out most often is the majority.

    Where nothing is decided nothing can be the opposite, so a condition with runs and without a decided outcome put nothing
    to the test: then the verdicts do not hold.
    """
    lines = [f"| experiment | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    agreeing = runs = opposite = 0
    for name in dict.fromkeys(name for outcomes_ in found.values() for name in outcomes_):
        counts = {condition: Counter(outcomes_.get(name, [])) for condition, outcomes_ in found.items()}
        alone = counts["alone"]
        agreeing += max(alone.values(), default=0)
        runs += alone.total()
        opposite += _opposite(counts)
        cells = (", ".join(f"{number} {outcome}" for outcome, number in one.most_common()) for one in counts.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    share = agreeing / runs if runs else 0.0
    told, untested = _decided(found)
    said = (
        f"Alone, {share:.1%} of the outcomes are those of the majority. {told}; opposite to the majority: {opposite}."
    )
    if untested:
        said += f" Where nothing was decided ({', '.join(untested)}), these runs do not show that verdicts hold."
    lines += ["", said]
    return lines, share >= _AGREE and not opposite and not untested


def _opposite(counts: dict[str, Counter[Outcome]]) -> int:
    """How many outcomes of one experiment are the opposite of what is mostly decided: alone, or, if nothing is, altogether."""
    everywhere = sum(counts.values(), Counter[Outcome]())
    alone = counts["alone"]
    told = alone if alone["confirmed"] or alone["refuted"] else everywhere
    return everywhere[_OPPOSITE["confirmed" if told["confirmed"] >= told["refuted"] else "refuted"]]


def _decided(found: dict[str, Outcomes]) -> tuple[str, list[str]]:
    """How many outcomes were decided under each condition, in words; and the conditions with runs that decided nothing."""
    outcomes = {condition: [one for its in by_name.values() for one in its] for condition, by_name in found.items()}
    decided = {condition: sum(one != "undecided" for one in all_) for condition, all_ in outcomes.items()}
    told = ", ".join(f"{decided[condition]} of {len(all_)} {condition}" for condition, all_ in outcomes.items())
    return f"Decided: {told}", [condition for condition, all_ in outcomes.items() if all_ and not decided[condition]]


def machine() -> str:
    """Where and when, in a sentence."""
    found = environment()
    cores, python, memory = found["cores_usable"], found["python"], found["memory_bytes"] / 2**30
    return f"{date.today():%-d %B %Y}, {cores} cores, {memory:.0f} GB, {found['platform']}, Python {python}."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="runs under each condition")
    parser.add_argument("--only-lab", action="store_true", help="leave the other experiments out")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    asked = parser.parse_args()
    for number in range(asked.times):
        names = [] if number or asked.only_lab else [one.name for one in EXPERIMENTS]
        for condition in asked.conditions:  # in turn, for the machine changes within hours too
            print(f"run {number + 1} of {asked.times}, {condition}", file=sys.stderr)
            make(condition, number, names)
    lines, holds = judged({condition: kept(condition) for condition in CONDITIONS})
    print("\n".join(lines))
    above, _, _ = PAGE.read_text("utf-8").partition(_TABLE)
    PAGE.write_text("\n".join([above + _TABLE, machine(), "", *lines, ""]), "utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
