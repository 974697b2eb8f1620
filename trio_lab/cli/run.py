"""`trio-lab run` and `trio-lab compare`: experiments are run, what they found is saved and shown.

A run is saved after each experiment, so one that is interrupted can go on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..blocks import block
from ..diagnose.interval import LEAST
from ..errors import UsageError
from ..experiments.runner import begun, go_on, planned
from ..experiments.seen_live import SeenLive
from ..http.runtimes import RUNTIMES, lack
from ..records.codec import encode
from ..records.examination import Examination
from ..records.result import Results
from ..report.disk import write_whole
from ..report.files import EXAMINATION, check_writable, load, save
from ..stage.live_run import LiveRun, open_live_run
from .console import say
from .ending import ended_by_signal
from .flags import Json, Junit
from .gate import CODES, Gate, gate, with_verdict
from .listing import QUICK_DOSE
from .progress import Progress
from .report import OUT
from .run_gate import asked_of, check_figures
from .tables import show

_LIVE_PORT = 3001
_AS_PLANNED = "--resume goes on with a run as it was planned: no experiment or option can be added"

Quick = Annotated[
    bool, Parameter(help="Short phases and noisier figures; `trio-lab list` says how long each experiment then takes.")
]
Rounds = Annotated[int, Parameter(env_var="TRIO_LAB_ROUNDS")]
Dose = Parameter(env_var="TRIO_LAB_DOSE")
ReportFolder = Annotated[Path, Parameter(help="Folder for index.html and results.json.")]
Verbose = Annotated[
    bool,
    Parameter(alias="-v", help="Show what the servers log. Stalls that are planted are marked: blocked on purpose."),
]


async def run(
    *names: str,
    quick: Quick = False,
    runtime: str = "trio",
    rounds: Rounds = LEAST,
    dose: Annotated[float, Dose] = 1.0,
    out: ReportFolder = OUT,
    resume: Path | None = None,
    slo: str | None = None,
    baseline: Path | None = None,
    junit: Junit = None,
    live: bool = False,
    live_port: int | None = None,
    verbose: Verbose = False,
    json_: Json = False,
) -> int:
    """Run experiments (the lab's own when none is named), save the results and write the report.

    Both are saved after each experiment, so a run that is interrupted keeps what it has.

    Parameters
    ----------
    names
        Experiments to run; see `trio-lab list`.
    runtime
        Whose server: trio, asyncio, node, or several with commas, which are then compared. See `trio-lab compare`.
    rounds
        How often each experiment is measured, at least; half as many again while its outcome is undecided, if so many can
        decide it. With fewer than 6 rounds hardly anything can be decided.
    dose
        Multiplies the length of every phase; below 1 the figures get noisier still.
    resume
        Continue the interrupted run whose results are in this folder, as it was planned. Only --slo, --baseline, --junit,
        --live, --live-port, --verbose and --json can be given with it.
    slo
        What must hold: a file (slo.toml), or a line such as blocked-loop.health_p99_pool_ms<50. The predictions must hold too.
    baseline
        The results.json of an earlier run: this one must not be worse.
    live
        Show the server that is measured on a page in the browser. It takes a little CPU time from what is measured, and the
        results say so.
    live_port
        Port of that page; 3001 if it is not given.
    """
    at = _live_at(live_port, live=live)
    asked = gate(slo, baseline, junit)
    if resume is not None:
        if names or (quick, runtime, out) != (False, "trio", OUT):
            raise UsageError(_AS_PLANNED)
        run = _interrupted(resume, rounds=rounds, dose=dose)
        return await _go_on(run, resume, asked, verbose=verbose, json_=json_, live=at)
    started = _begun(names, _runtimes(runtime), quick=quick, rounds=rounds, dose=dose)
    return await _go_on(started, out, asked, verbose=verbose, json_=json_, live=at)


async def compare(
    *names: str,
    quick: Quick = False,
    rounds: Rounds = LEAST,
    dose: Annotated[float | None, Dose] = None,
    out: ReportFolder = OUT,
    verbose: Verbose = False,
    json_: Json = False,
) -> int:
    """Run experiments on trio, asyncio and node in turn, and lay the figures beside each other.

    As `trio-lab run --runtime trio,asyncio,node`. A runtime that is not installed is said to be missing.

    Parameters
    ----------
    names
        Experiments to compare; all that can be compared when none is named.
    rounds
        How often each experiment is measured on each runtime, in turn.
    dose
        Multiplies the length of every phase; 1, or less with --quick.
    """
    dose = (QUICK_DOSE if quick else 1.0) if dose is None else dose
    started = _begun(names, RUNTIMES, quick=quick, rounds=rounds, dose=dose)
    return await _go_on(started, out, None, verbose=verbose, json_=json_)


def _live_at(port: int | None, *, live: bool) -> int | None:
    """The port of the page; None without one."""
    if port is not None and not 0 <= port <= 65_535:
        raise UsageError(f"live_port must be between 0 and 65535, not {port}")
    if port is not None and not live:
        raise UsageError("live_port is the port of the page that --live shows: give --live, too")
    return (_LIVE_PORT if port is None else port) if live else None


def _runtimes(text: str) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(text.split(",")))
    for runtime in named:
        if runtime not in RUNTIMES:
            raise UsageError(f"runtime must be one or more of {', '.join(RUNTIMES)}, not {runtime[:40]!r}")
        if len(named) == 1 and (reason := lack(runtime)) is not None:
            raise UsageError(f"{runtime} is {reason}")
    return named


def _begun(names: tuple[str, ...], runtimes: tuple[str, ...], *, quick: bool, rounds: int, dose: float) -> Results:
    if not 0.05 <= dose <= 100:
        raise UsageError(f"dose must be between 0.05 and 100, not {dose:g}")
    if not 1 <= rounds <= 100:
        raise UsageError(f"rounds must be between 1 and 100, not {rounds}")
    return begun(planned(names, runtimes=runtimes, rounds=rounds), quick=quick, dose=dose)


def _interrupted(folder: Path, *, rounds: int, dose: float) -> Results:
    """The run in a folder. Its own ``rounds`` and ``dose`` may be said again, as by a variable that is still set."""
    run = load(folder)
    if run.plan is None:
        raise UsageError(f"{folder} has no plan: the version that saved it could not go on with a run")
    if rounds not in (LEAST, run.plan.rounds) or dose not in (1.0, run.dose):
        raise UsageError(_AS_PLANNED)
    doctor_too = ", and the doctor" if run.unexamined else ""
    say(f"{len(run.missing)} of {len(run.plan.experiments)} experiments are missing in {folder}{doctor_too}")
    return run


async def _go_on(
    run: Results, out: Path, asked: Gate | None, *, verbose: bool, json_: bool, live: int | None = None
) -> int:
    """Do what is planned, save it into ``out`` and show it. ``live`` is the port at which the run can be seen. Returns the
    exit code."""
    if asked is not None:
        check_figures(asked, run)
    check_writable(out)
    kept = _Kept(run, out)
    with kept.told_if_interrupted():
        async with ended_by_signal(), _seen_live(live) as seen:
            with Progress() as progress:
                await go_on(
                    run,
                    show=progress if seen is None else SeenLive(progress, seen),
                    keep=kept.keep,
                    keep_examination=kept.keep_examination,
                    verbose=verbose,
                    live=seen,
                )
    page = kept.page or save(kept.run, out)
    if not json_:
        show(kept.run)
        print(f"report: {page}")
    return _judged(kept.run, asked, json_=json_)


def _judged(run: Results, asked: Gate | None, *, json_: bool) -> int:
    """The exit code. The verdict is printed if one is asked for, and with ``json_`` the run."""
    if asked is None:
        if json_:
            print(encode(run).decode())
        return int(any(result.failed for result in run.experiments) or bool(run.doctor and run.doctor.failed))
    verdict = asked.judge(asked_of(asked, run), quiet=json_)
    if json_:
        print(with_verdict(run, verdict))
    asked.write(verdict, suite="trio-lab run", seconds=run.duration)
    return CODES[verdict.met]


class _Kept:
    """What is on disk of a run. ``page`` is None until something was saved."""

    def __init__(self, run: Results, out: Path) -> None:
        self.run, self._out = run, out
        self.page: Path | None = None

    def keep(self, run: Results) -> None:
        self.run, self.page = run, save(run, self._out)

    def keep_examination(self, seen: Examination) -> None:
        write_whole(self._out / EXAMINATION, encode(seen))

    @contextmanager
    def told_if_interrupted(self) -> Iterator[None]:
        """If the block raises, say what is saved and how to go on with it."""
        try:
            yield
        except BaseException:
            if self.page is not None and (self.run.missing or self.run.unexamined):
                done = len(self.run.experiments)
                said = f"{done} result{'s' if done > 1 else ''} kept: {self.page}"
                say(f"{said} (go on with: trio-lab run --resume {self._out})")
            raise


@block
async def _seen_live(port: int | None) -> AsyncIterator[LiveRun | None]:
    if port is None:
        yield None
        return
    async with open_live_run(port) as live:
        say(f"See it live: {live.url}/ in a browser")
        yield live
