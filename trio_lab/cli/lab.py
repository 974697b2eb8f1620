"""`trio-lab list`, `run`, `report` and `env`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..errors import UsageError
from ..experiments.catalog import EXPERIMENTS
from ..experiments.runner import run_experiments
from ..measure.environment import environment, missing
from .console import output, say
from .ending import ended_by_sigterm

_OUT = Path("trio-lab-report")
_STYLES = {"confirmed": "green", "refuted": "bold red", "not enough data": "yellow"}


def lab_commands(app: App) -> None:
    for command, name in ((list_, "list"), (run, "run"), (report, "report"), (env, "env")):
        app.command(command, name=name, usage="Usage: trio-lab run [OPTIONS] [NAMES...]" if name == "run" else None)


def list_(*, json_: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
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
    quick: Annotated[bool, Parameter(negative="")] = False,
    dose: Annotated[float, Parameter(env_var="TRIO_LAB_DOSE")] = 1.0,
    out: Path = _OUT,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Run experiments (all of them when none is named), save the results and write the report.

    Parameters
    ----------
    names
        Experiments to run; see `trio-lab list`.
    quick
        Short phases: three minutes for the whole lab instead of ten, and noisier figures.
    dose
        Multiplies the length of every phase; below 1 the figures get noisier still.
    out
        Folder for index.html and results.json.
    json_
        Print the results as JSON.
    """
    from ..report.files import check_writable, save

    if not 0.05 <= dose <= 100:
        raise UsageError(f"dose must be between 0.05 and 100, not {dose:g}")
    check_writable(out)
    async with ended_by_sigterm():
        results = await run_experiments(names, quick=quick, dose=dose, say=say)
    page = save(results, out)
    if json_:
        print(msgspec.json.encode(results).decode())  # which has null where there is no number, as the file has
    else:
        output().print(_verdicts(results))
        print(f"report: {page}")
    return int(any(experiment["failed"] for experiment in results["experiments"]))


def report(folder: Path = _OUT, /, *, json_: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Make the report again from a folder's results.json, verdicts included.

    Parameters
    ----------
    folder
        Where results.json is.
    json_
        Print the results as JSON.
    """
    from ..experiments.runner import judged_again
    from ..report.files import load, save

    results = judged_again(load(folder))
    page = save(results, folder)
    if json_:
        print(json.dumps(results))
    else:
        output().print(_verdicts(results))
        print(f"report: {page}")


def env(*, json_: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
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


def _verdicts(results: dict[str, Any]) -> Table:
    from ..report.table import verdict_rows

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("experiment", "outcome", "decisive figure", "first full queue"):
        table.add_column(column, no_wrap=column == "experiment")
    for row in verdict_rows(results):
        style = _STYLES.get(row.outcome, "")
        cells = (Text(row.name), Text(row.outcome, style), Text(row.decisive), Text(row.first_full))
        table.add_row(*cells)
    return table
