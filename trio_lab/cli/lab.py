"""`trio-lab list`, `run`, `report` and `env`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ..errors import UsageError
from ..experiments.catalog import EXPERIMENTS
from ..experiments.runner import run_experiments
from ..http.runtimes import RUNTIMES, lack
from ..measure.environment import environment, missing
from ..records.codec import encode
from ..records.result import Results
from .console import output, say
from .ending import ended_by_sigterm
from .tables import show

_OUT = Path("trio-lab-report")
_ROUNDS, _QUICK_ROUNDS = 3, 1
_QUICK_DOSE = 0.45  # three runtimes have to share the time that one has in `run --quick`


def list_(*, json_: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """List the experiments with their questions.

    Parameters
    ----------
    json_
        Print JSON.
    """
    if json_:
        entries = [{"name": e.name, "question": e.question, "prediction": e.prediction} for e in EXPERIMENTS]
        print(json.dumps({"experiments": entries}))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("experiment", style="bold", no_wrap=True)
    table.add_column("question")
    for experiment in EXPERIMENTS:
        table.add_row(escape(experiment.name), escape(experiment.question))
    output().print(table)


async def run(
    *names: str,
    quick: bool = False,
    runtime: str = "trio",
    rounds: int = 1,
    dose: Annotated[float, Parameter(env_var="TRIO_LAB_DOSE")] = 1.0,
    out: Path = _OUT,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Run experiments (the lab's own when none is named), save the results and write the report.

    Parameters
    ----------
    names
        Experiments to run; see `trio-lab list`.
    quick
        Short phases: four minutes for the whole lab instead of fifteen, and noisier figures.
    runtime
        Whose server: trio, asyncio, node, or several with commas, which are then compared. See `trio-lab compare`.
    rounds
        How often each experiment is run on each runtime, in turn.
    dose
        Multiplies the length of every phase; below 1 the figures get noisier still.
    out
        Folder for index.html and results.json.
    json_
        Print the results as JSON.
    """
    return await _run(names, _runtimes(runtime), quick=quick, rounds=rounds, dose=dose, out=out, json_=json_)


async def compare(
    *names: str,
    quick: bool = False,
    rounds: int | None = None,
    dose: Annotated[float | None, Parameter(env_var="TRIO_LAB_DOSE")] = None,
    out: Path = _OUT,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Run experiments on trio, asyncio and node in turn, and lay the figures beside each other.

    As `trio-lab run --runtime trio,asyncio,node`. A runtime that is not installed is said to be missing.

    Parameters
    ----------
    names
        Experiments to compare; all that can be compared when none is named.
    quick
        One round of short phases: six minutes instead of an hour, and figures without a spread.
    rounds
        Rounds of each experiment; 3, or 1 with --quick.
    dose
        Multiplies the length of every phase; 1, or less with --quick.
    out
        Folder for index.html and results.json.
    json_
        Print the results as JSON.
    """
    rounds = (_QUICK_ROUNDS if quick else _ROUNDS) if rounds is None else rounds
    dose = (_QUICK_DOSE if quick else 1.0) if dose is None else dose
    return await _run(names, RUNTIMES, quick=quick, rounds=rounds, dose=dose, out=out, json_=json_)


def _runtimes(text: str) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(text.split(",")))
    for runtime in named:
        if runtime not in RUNTIMES:
            raise UsageError(f"runtime must be one or more of {', '.join(RUNTIMES)}, not {runtime[:40]!r}")
        if len(named) == 1 and (reason := lack(runtime)) is not None:
            raise UsageError(f"{runtime} is {reason}")
    return named


async def _run(
    names: tuple[str, ...],
    runtimes: tuple[str, ...],
    *,
    quick: bool,
    rounds: int,
    dose: float,
    out: Path,
    json_: bool,
) -> int:
    from ..report.files import check_writable, save

    if not 0.05 <= dose <= 100:
        raise UsageError(f"dose must be between 0.05 and 100, not {dose:g}")
    if not 1 <= rounds <= 100:
        raise UsageError(f"rounds must be between 1 and 100, not {rounds}")
    check_writable(out)
    async with ended_by_sigterm():
        results = await run_experiments(names, runtimes=runtimes, quick=quick, rounds=rounds, dose=dose, say=say)
    page = save(results, out)
    if json_:
        print(encode(results).decode())
    else:
        _show(results, page)
    return int(any(result.failed for result in results.experiments))


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
