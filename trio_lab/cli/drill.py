"""`trio-lab drill`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from ..errors import UsageError
from ..records.codec import encode
from ..records.drill import ControlResult, DrillResults
from ..records.figures import Check
from .console import output, print_list, say
from .ending import ended_by_signal
from .flags import Json, Out
from .tables import plain_table

_VERDICTS = {"passed": "[green]yes[/]", "undecided": "[yellow]undecided[/]", "failed": "[bold red]NO[/]"}


async def drill(
    *names: str,
    gate: bool = False,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    dose: float = 1.0,
    loop: Literal["trio", "asyncio", "uvloop"] = "trio",
    out: Out = None,
    json_: Json = False,
) -> int:
    """Break things on purpose, each beside a control that must fail, and say what held.

    Exit code 0: all passed. 1: at least one failed. 2: none failed, but the machine was too busy for at least one.

    Without a name: list the drills.

    Parameters
    ----------
    names
        Drills to run at their full doses.
    gate
        Those that must pass before a release, with short doses.
    all_
        All of them, at their full doses.
    dose
        Multiplies every dose; below 1 the figures say less.
    loop
        On which loop: for the drills of the watch. With --gate or --all: those of them.
    out
        Folder for a report. A drill that keeps what it saw does so here, and goes on from there the next time.
    """
    from ..drills.catalog import DRILLS, chosen
    from ..drills.runner import run_drills
    from ..report.files import check_writable

    if not (names or gate or all_):
        entries = [{"name": one.name, "question": one.question, "gate": one.gate} for one in DRILLS]
        print_list("drill", entries, json_=json_, columns=("gate", "question"))
        return 0
    if not 0.01 <= dose <= 100:
        raise UsageError(f"dose must be between 0.01 and 100, not {dose:g}")
    drills = chosen(names, gate=gate, every=all_, loop=loop)
    if out is not None:
        check_writable(out)
    async with ended_by_signal():
        results = await run_drills(drills, gate=gate, dose=dose, out=out, say=say)
    _tell(results, out, json_=json_)
    return _exit_code(results)


def _tell(results: DrillResults, out: Path | None, *, json_: bool) -> None:
    """Print what was found in hours, and then write the report, which may fail after all."""
    if json_:
        print(encode(results).decode())
    else:
        _show(results)
    if out is not None:
        from ..report.drills import save_drills

        say(f"report: {save_drills(results, out)}")


def _exit_code(results: DrillResults) -> int:
    verdicts = {result.verdict for result in results.drills}
    return 1 if "failed" in verdicts else 2 if "undecided" in verdicts else 0


def _show(results: DrillResults) -> None:
    output().print(_table(results))
    for result in results.drills:
        for table in result.tables or ():
            output().print(plain_table(table))


def _table(results: DrillResults) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("drill", "passed", "figure", "measured", "wanted", "control"):
        table.add_column(column, no_wrap=column in ("drill", "measured", "wanted"))
    for result in results.drills:
        first = (result.name, _VERDICTS[result.verdict])
        for check in result.checks:
            table.add_row(*first, check.claim, *_figures(check), _broken(result.control, check))
            first = ("", "")
    return table


def _figures(check: Check) -> tuple[str, str]:
    measured = "-" if check.measured is None else f"{check.measured:.4g} {check.unit}".rstrip()
    return measured if check.passed else f"[bold red]{measured}[/]", f"{check.relation} {check.bound:g}"


def _broken(control: ControlResult, check: Check) -> str:
    measured = control.figures.get(check.figure)
    return "" if measured is None else f"{measured:.4g}{' (broken)' if check.claim in control.broke else ''}"
