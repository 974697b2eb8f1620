"""`trio-lab bench`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ..errors import UsageError
from ..records.benchmark import BenchmarkResult
from ..records.codec import encode
from ..records.spread import Spread
from .console import output, print_list, say
from .ending import ended_by_signal
from .flags import Json
from .tables import plain_table

_VERDICTS = {True: "[green]met[/]", False: "[bold red]missed[/]", None: "[yellow]open[/]"}


async def bench(
    *names: str,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    quick: bool = False,
    dose: Annotated[float, Parameter(env_var="TRIO_LAB_DOSE")] = 1.0,
    install_peers: bool = False,
    json_: Json = False,
) -> int:
    """Compare the lab with its peers, in turn on this machine.

    Without a name: list the benchmarks.

    Parameters
    ----------
    names
        Benchmarks to run; docs/bench.md tells what each compares.
    all_
        All of them.
    quick
        Fewer and shorter rounds, and noisier figures.
    dose
        Multiplies the length of every turn.
    install_peers
        Only put peers into the folder .peers, and end: piscina and autocannon with npm, watchers of asyncio with pip.
    """
    from ..bench.catalog import BENCHMARKS
    from ..bench.found import PEERS
    from ..bench.found import install_peers as install
    from ..bench.runner import run_benchmarks

    if not 0.05 <= dose <= 100:
        raise UsageError(f"dose must be between 0.05 and 100, not {dose:g}")
    if install_peers:
        for lack in install():
            print(lack)
        print(f"the node and the Python peers are in {PEERS}")
        return 0
    if names and all_:
        raise UsageError("say either names of benchmarks, or --all")
    if not (names or all_):
        print_list("benchmark", [{"name": one.name, "question": one.question} for one in BENCHMARKS], json_=json_)
        return 0
    async with ended_by_signal():
        show = (lambda _: None) if json_ else _show  # each as soon as it is known: the next may take minutes
        results = await run_benchmarks(names, quick=quick, dose=dose, say=say, show=show)
    if json_:
        print(encode(results).decode())
    return int(any(result.failed for result in results.benchmarks))


def _show(result: BenchmarkResult) -> None:
    out = output()
    table = Table(title=f"{result.name}: {_VERDICTS[result.met]}", title_justify="left", box=None)
    for column in ("ratio to", "median", "min", "max", "95 % interval", "goal", ""):
        table.add_column(column, justify="left" if column in ("ratio to", "goal", "") else "right")
    for name in dict.fromkeys([*result.ratios, *result.goals]):
        spread, goal = result.ratios.get(name, Spread()), result.goals.get(name)
        figures = ["–" if one is None else f"{one:.3g}" for one in (spread.median, spread.min, spread.max)]
        low, high = result.intervals.get(name, (None, None))
        figures.append("–" if low is None or high is None else f"{low:.3g} to {high:.3g}")
        wanted = ["", ""] if goal is None else [f"{goal.relation} {goal.bound:g}", _VERDICTS[goal.met]]
        table.add_row(name, *figures, *wanted)
    out.print(table)
    for found in result.tables or ():
        out.print(plain_table(found))
    out.print("  " + ", ".join(f"{name} {_figure(value)}" for name, value in result.figures.items()))
    out.print("  compared: " + ", ".join(f"{name} {version}" for name, version in result.versions.items()))
    for lack in result.missing:
        out.print(f"  [yellow]missing[/] {escape(lack)}")
    for note in result.notes:
        out.print(f"  note: {escape(note)}")
    if result.failed:
        out.print(f"  [bold red]could not be run[/]: {escape(result.failed)}")
    if result.busy_machine:
        out.print(f"  [yellow]busy machine[/]: others used it during {result.disturbed_rounds} of the rounds")
    out.print()


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
