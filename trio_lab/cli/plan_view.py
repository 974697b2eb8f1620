"""What `trio-lab plan` prints on a terminal."""

from __future__ import annotations

from rich.table import Table

from ..simulate.plan import Plan
from ..simulate.sensitivity import OVERLOAD, Bound, Effect
from .console import output


def show(found: Plan) -> None:
    out = output()
    out.print(
        f"{found.hosts:,} hosts with {found.cores_per_host} cores each, {found.cores:,} cores in all, for {found.rate:,g}/s: "
        f"busy for {found.load:.0%} of the time. p99 {found.p99:.3g} s (wanted {found.wanted_p99:g} s), "
        f"{found.refused:.2%} refused.",
        markup=False,
    )
    out.print("\nThe bounds, and what a fifth less or more of each does:")
    out.print(_bounds(found.bounds))
    out.print("\nThe dispatch tier:")
    out.print(_dispatches(found))
    out.print("\nThis holds if:")
    for line in found.assumptions:
        out.print(f"- {line}", markup=False)


def _bounds(bounds: tuple[Bound, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("bound", "value", "p99", "refused", f"p99 at {OVERLOAD:g} × the load", "refused then"):
        table.add_column(column, justify="left" if column == "bound" else "right")
    for bound in bounds:
        for name, effect in (
            (bound.name, bound.planned),
            ("  a fifth less", bound.less),
            ("  a fifth more", bound.more),
        ):
            table.add_row(name, f"{effect.value:.4g}{bound.unit and ' ' + bound.unit}", *_figures(effect))
    return table


def _figures(effect: Effect) -> tuple[str, ...]:
    return (
        f"{effect.p99:.3g} s",
        f"{effect.refused:.2%}",
        f"{effect.overload_p99:.3g} s",
        f"{effect.overload_refused:.1%}",
    )


def _dispatches(found: Plan) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("dispatch", "p99", "refused"):
        table.add_column(column, justify="left" if column == "dispatch" else "right")
    for one in found.dispatches:
        name = f"{one.dispatch} (planned)" if one.dispatch == found.dispatch else one.dispatch
        table.add_row(name, f"{one.p99:.3g} s", f"{one.refused:.2%}")
    return table
