"""`trio-lab list`, `run`, `report` and `env`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ..blocks import block
from ..diagnose.interval import LEAST
from ..errors import UsageError
from ..experiments import differences, finale
from ..experiments.catalog import EXPERIMENTS, select
from ..experiments.runner import begun, expected_s, go_on, planned
from ..experiments.seen_live import SeenLive
from ..http.runtimes import RUNTIMES, lack
from ..measure.environment import environment, missing
from ..records.codec import encode
from ..records.examination import Examination
from ..records.result import Results
from ..stage.live_run import LiveRun, open_live_run
from .console import output, print_list, say
from .ending import ended_by_signal
from .gate import CODES, Gate, gate, with_verdict
from .progress import Progress
from .run_gate import asked_of, check_figures
from .tables import show

_OUT = Path("trio-lab-report")
_LIVE_PORT = 3001
_QUICK_DOSE = 0.45  # three runtimes have to share the time that one has in `run --quick`


def list_(*, json_: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """List the experiments with their questions, and how many seconds each takes with --quick.

    Those with a star make up the lab: `trio-lab run` runs them when none is named.

    Parameters
    ----------
    json_
        Print JSON.
    """
    entries = [
        {
            "name": e.name,
            "question": e.question,
            "prediction": e.prediction,
            "lab": e.lab,
            "seconds": e.expected_s,
        }
        for e in EXPERIMENTS
    ]
    print_list("experiment", entries, json_=json_, columns=("lab", "seconds", "question"))
    if not json_:
        alone, compared = minutes_of(("trio",)), minutes_of(RUNTIMES, dose=_QUICK_DOSE)
        print(
            f"\n★ the lab: `trio-lab run --quick` takes about {alone} minutes, `trio-lab compare --quick` {compared}."
        )


def minutes_of(runtimes: tuple[str, ...], *, dose: float = 1.0) -> int:
    """How long a quick run takes that names no experiment."""
    seconds = sum(expected_s(one, runtimes, quick=True, dose=dose) for one in select((), runtimes))
    return round((seconds + (differences.EXPECTED_S if len(runtimes) > 1 else finale.EXPECTED_S)) / 60)


async def run(
    *names: str,
    quick: bool = False,
    runtime: str = "trio",
    rounds: Annotated[int, Parameter(env_var="TRIO_LAB_ROUNDS")] = LEAST,
    dose: Annotated[float, Parameter(env_var="TRIO_LAB_DOSE")] = 1.0,
    out: Path = _OUT,
    resume: Path | None = None,
    slo: str | None = None,
    baseline: Path | None = None,
    junit: Path | None = None,
    live: bool = False,
    live_port: int = _LIVE_PORT,
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Run experiments (the lab's own when none is named), save the results and write the report.

    Both are saved after each experiment, so a run that is interrupted keeps what it has.

    Parameters
    ----------
    names
        Experiments to run; see `trio-lab list`.
    quick
        Short phases and noisier figures; `trio-lab list` says how long each experiment then takes.
    runtime
        Whose server: trio, asyncio, node, or several with commas, which are then compared. See `trio-lab compare`.
    rounds
        How often each experiment is measured, at least; half as many again while its outcome is undecided. With fewer
        than 6 hardly anything can be decided.
    dose
        Multiplies the length of every phase; below 1 the figures get noisier still.
    out
        Folder for index.html and results.json.
    resume
        Continue the interrupted run whose results are in this folder, as it was planned. Only --slo, --baseline, --junit,
        --live, --live-port, --verbose and --json can be given with it.
    slo
        What must hold: a file (slo.toml), or a line such as blocked-loop.health_p99_pool_ms<50. The predictions must hold too.
    baseline
        The results.json of an earlier run: this one must not be worse.
    junit
        File for the verdict as JUnit XML.
    live
        Show the server that is measured on a page in the browser. It takes a little CPU time from what is measured, and the
        results say so.
    live_port
        Port of that page.
    verbose
        Show what the servers log. Stalls that are planted are marked: blocked on purpose.
    json_
        Print the results as JSON.
    """
    if not 0 <= live_port <= 65_535:
        raise UsageError(f"live_port must be between 0 and 65535, not {live_port}")
    at = live_port if live else None
    asked = gate(slo, baseline, junit)
    if resume is not None:
        if names or (quick, runtime, rounds, out) != (False, "trio", LEAST, _OUT):
            raise UsageError("--resume goes on with a run as it was planned: no experiment or option can be added")
        return await _resumed(resume, asked, verbose=verbose, json_=json_, live=at)
    started = _begun(names, _runtimes(runtime), quick=quick, rounds=rounds, dose=dose)
    return await _go_on(started, out, asked, verbose=verbose, json_=json_, live=at)


async def compare(
    *names: str,
    quick: bool = False,
    rounds: Annotated[int, Parameter(env_var="TRIO_LAB_ROUNDS")] = LEAST,
    dose: Annotated[float | None, Parameter(env_var="TRIO_LAB_DOSE")] = None,
    out: Path = _OUT,
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Run experiments on trio, asyncio and node in turn, and lay the figures beside each other.

    As `trio-lab run --runtime trio,asyncio,node`. A runtime that is not installed is said to be missing.

    Parameters
    ----------
    names
        Experiments to compare; all that can be compared when none is named.
    quick
        Short phases and noisier figures; `trio-lab list` says how long that takes.
    rounds
        How often each experiment is measured on each runtime, in turn.
    dose
        Multiplies the length of every phase; 1, or less with --quick.
    out
        Folder for index.html and results.json.
    verbose
        Show what the servers log. Stalls that are planted are marked: blocked on purpose.
    json_
        Print the results as JSON.
    """
    dose = (_QUICK_DOSE if quick else 1.0) if dose is None else dose
    started = _begun(names, RUNTIMES, quick=quick, rounds=rounds, dose=dose)
    return await _go_on(started, out, None, verbose=verbose, json_=json_)


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


async def _resumed(folder: Path, asked: Gate | None, *, verbose: bool, json_: bool, live: int | None) -> int:
    from ..report.files import load

    run = load(folder)
    if run.plan is None:
        raise UsageError(f"{folder} has no plan: the version that saved it could not go on with a run")
    say(f"{len(run.missing)} of {len(run.plan.experiments)} experiments are missing in {folder}{_doctor_too(run)}")
    return await _go_on(run, folder, asked, verbose=verbose, json_=json_, live=live)


def _doctor_too(run: Results) -> str:
    return ", and the doctor" if run.unexamined else ""


async def _go_on(
    run: Results, out: Path, asked: Gate | None, *, verbose: bool, json_: bool, live: int | None = None
) -> int:
    """Do what is planned, and save after each experiment. ``live`` is the port at which the run can be seen."""
    from ..report.disk import write_whole
    from ..report.files import EXAMINATION, check_writable, save

    if asked is not None:
        check_figures(asked, run)
    check_writable(out)
    kept = run
    page = None

    def keep(now: Results) -> None:
        nonlocal kept, page
        kept, page = now, save(now, out)

    def keep_examination(seen: Examination) -> None:
        write_whole(out / EXAMINATION, encode(seen))

    try:
        async with ended_by_signal(), _seen_live(live) as seen:
            with Progress() as progress:
                show = progress if seen is None else SeenLive(progress, seen)
                await go_on(run, show=show, keep=keep, keep_examination=keep_examination, verbose=verbose, live=seen)
    except BaseException:
        if page is not None and (kept.missing or kept.unexamined):
            done = len(kept.experiments)
            say(f"{done} result{'s' if done > 1 else ''} kept: {page} (go on with: trio-lab run --resume {out})")
        raise
    page = page or save(kept, out)
    if json_ and asked is None:
        print(encode(kept).decode())
    elif not json_:
        _show(kept, page)
    if asked is None:
        return int(any(result.failed for result in kept.experiments) or bool(kept.doctor and kept.doctor.failed))
    verdict = asked.end(asked_of(asked, kept), suite="trio-lab run", seconds=kept.duration, quiet=json_)
    if json_:
        print(with_verdict(kept, verdict))
    return CODES[verdict.met]


@block
async def _seen_live(port: int | None) -> AsyncIterator[LiveRun | None]:
    if port is None:
        yield None
        return
    async with open_live_run(port) as live:
        say(f"See it live: {live.url}/ in a browser")
        yield live


def report(folder: Path = _OUT, /, *, json_: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Make the report again from a folder's results.json, verdicts included.

    Parameters
    ----------
    folder
        Where results.json is.
    json_
        Print the results as JSON.
    """
    from ..experiments.runner import judged_again
    from ..report.files import load, save, save_page

    loaded = load(folder)
    results = judged_again(loaded)
    # Without a changed verdict the file is not written: a newer version may have put more into it than this one reads.
    page = save_page(results, folder) if results == loaded else save(results, folder)
    if json_:
        print(encode(results).decode())
    else:
        _show(results, page)


def env(*, json_: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Show what the lab would run on, and what is missing.

    Parameters
    ----------
    json_
        Print JSON.
    """
    found, lacks = environment(), missing()
    if json_:
        print(json.dumps(found | {"missing": lacks}))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {version or 'missing'}" for key, version in value.items())
        table.add_row(name.replace("_", " "), "none" if value is None else escape(str(value)))
    table.add_row("missing", escape("; ".join(lacks)) or "nothing")
    output().print(table)


def _show(results: Results, page: Path) -> None:
    show(results)
    print(f"report: {page}")
