"""Is a run that is killed kept? ``python -m tests.kills 20``, or ``make kills``; minutes, and not part of the tests.

A run of a few short experiments is ended at a random moment, by SIGINT, SIGTERM and SIGKILL in turn. Then every experiment
whose outcome was said must be in ``results.json`` and on the page, the report can be made again, no process is left, and
the run that goes on later finds the rest.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trio_lab.errors import UsageError
from trio_lab.measure.process import children, lives
from trio_lab.report.files import PAGE, RESULTS, load

EXPERIMENTS = ("blocked-loop", "callback-order", "lag-detector")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
_SHORT = ("--quick", "--rounds", "1", "--dose", "0.05")
_SETTLE = 20.0  # seconds until the kernel has ended what a killed run has started, on a machine however busy
_BEGUN = re.compile(r"^\[\d+/\d+\] ([\w-]+):")
_OUTCOME = re.compile(r"^ +(confirmed|refuted|undecided): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that has ended. ``said`` are the lines of its standard error, ``left`` its processes that still live."""

    code: int
    said: tuple[str, ...]
    left: tuple[int, ...] = ()


def finished(said: tuple[str, ...]) -> list[str]:
    """The experiments whose outcome was said."""
    names: list[str] = []
    now = ""
    for line in said:
        if begun := _BEGUN.match(line):
            now = begun[1]
        elif _OUTCOME.match(line):
            names.append(now)
    return names


def lost(ended: Ended, folder: Path) -> list[str]:
    """What a run that was killed did not keep: nothing, if all is well."""
    done = finished(ended.said)
    complaints = [f"{len(ended.left)} processes are left"] if ended.left else []
    if not done and not (folder / RESULTS).exists():
        return complaints
    try:
        kept = {one.name for one in load(folder).experiments}
        page = (folder / PAGE).read_text(encoding="utf-8")
    except (UsageError, OSError, UnicodeDecodeError) as error:
        return [*complaints, str(error)]
    if not page.rstrip().endswith("</html>"):
        complaints.append("the page is cut off")
    for name in done:
        if name not in kept or name not in page:
            complaints.append(f"{name} is not kept")
    return complaints


@contextmanager
def started(*words: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A command of trio-lab, and the file with what it says."""
    with tempfile.NamedTemporaryFile() as log:
        command = [sys.executable, "-m", "trio_lab", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, text=True) as process:
            try:
                yield process, Path(log.name)
            finally:
                process.kill()


def family(pid: int) -> list[int]:
    """All that a process has started, and what those have."""
    return [below for child in children(pid) for below in (child, *family(child))]


def whole(*words: str) -> Ended:
    """A run to its end."""
    with started("run", *words) as (process, log):
        code = process.wait()
        return Ended(code=code, said=tuple(log.read_text().splitlines()))


def killed(folder: Path, after: float, number: signal.Signals) -> Ended:
    """A run that gets this signal after so many seconds."""
    with started("run", *EXPERIMENTS, *_SHORT, "--out", str(folder)) as (process, log):
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            below = family(process.pid)
            process.send_signal(number)
            process.wait(60)
        else:
            below = []
        deadline = time.monotonic() + _SETTLE
        while any(map(lives, below)) and time.monotonic() < deadline:
            time.sleep(0.05)
        said = tuple(log.read_text().splitlines())
    return Ended(code=process.returncode, said=said, left=tuple(pid for pid in below if lives(pid)))


def tried(number: signal.Signals, after: float) -> tuple[Ended, list[str]]:
    """One run that is killed and goes on, and everything that is wrong with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ended = killed(folder, after, number)
        complaints = lost(ended, folder)
        # Before that the signal may come first to Python, and end the process.
        begun = any(map(_BEGUN.match, ended.said))
        if ended.code not in (0, _CODES[number], *([] if begun else [-number])):
            complaints.append(f"exit code {ended.code}: {ended.said[-1:]}")
        if (folder / RESULTS).exists():
            goes_on = whole("--resume", str(folder))
            found = [one.name for one in load(folder).experiments]
            if goes_on.code != 0 or sorted(found) != sorted(EXPERIMENTS):
                complaints.append(f"resumed with {goes_on.code}, and has {', '.join(found)}")
    return ended, complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("times", nargs="?", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10_000)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    os.environ.pop("TRIO_LAB_ROUNDS", None)
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        assert whole(*EXPERIMENTS, *_SHORT, "--out", name).code == 0
        length = time.monotonic() - began
    print(f"seed {asked.seed}; a whole run takes {length:.1f} s")
    bad = 0
    for number in range(asked.times):
        how, after = SIGNALS[number % len(SIGNALS)], draw.uniform(0, length)
        ended, complaints = tried(how, after)
        bad += bool(complaints)
        done = ", ".join(finished(ended.said)) or "none"
        print(f"{number + 1:2} {how.name} after {after:4.1f} s, finished: {done}: {'; '.join(complaints) or 'kept'}")
    print(f"{asked.times - bad} of {asked.times} kept everything")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
