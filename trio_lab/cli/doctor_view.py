"""A diagnosis in the terminal: the sentence, the loads, the queues, what to do, and what could not be seen."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from ..diagnose.advice import advice_of
from ..records.diagnosis import Diagnosis, Finding
from ..records.examination import Examination
from ..records.proof import Proof
from .console import output


def show(found: Diagnosis, examination: Examination) -> None:
    """Print it on standard output."""
    screen = output()
    screen.print(f"[bold]{escape(found.verdict)}[/]")
    if examination.target is not None:
        answer = {True: "yes", False: "no", None: "could not be told"}[found.healthy]
        screen.print(f"Healthy up to {examination.target:g}/s: {answer}.")
    screen.print(_loads(found))
    if examination.held is not None:
        screen.print(f"The objectives were measured at {examination.held:.4g}/s.")
    if found.queues:
        screen.print(_queues(found))
    for finding in found.findings:
        _print_finding(finding)
    if found.later:
        screen.print(escape(f"To be looked at again afterwards: {', '.join(found.later)}."))
    if found.seconds_needed:
        why = "The interval is wide" if found.saturation_interval else "There are too few rounds for an interval"
        screen.print(f"{why}: {found.seconds_needed:.0f} more seconds are needed.")
    for unseen in found.blind_to:
        screen.print(escape(f"Not seen: {unseen}."))


def show_proof(proof: Proof) -> None:
    """Print what came of a trial."""
    screen = output()
    screen.print(f"\n[bold]{escape(proof.says)}.[/]")
    if proof.before is not None and proof.after is not None:
        unit = "/s" if proof.measure == "throughput" else " ms"
        screen.print(f"Medians, each by itself: {proof.before:.4g}{unit} without, {proof.after:.4g}{unit} with it.")


def _print_finding(finding: Finding) -> None:
    screen = output()
    screen.print(f"\n[bold]{finding.id}[/] (step {finding.step} of 8)")
    screen.print(escape(finding.fix.says))
    screen.print(escape(f"What would change this: {finding.doubt}"))
    screen.print(escape(advice_of(finding.id)), soft_wrap=True)


def _loads(found: Diagnosis) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("saturation load", _rate(found.saturation_load, found.saturation_interval))
    table.add_row("first queue", _first(found))
    table.add_row("its onset", _rate(found.onset_load, found.onset_interval))
    table.add_row("one request alone", "–" if found.service_time is None else f"{found.service_time * 1e3:.3g} ms")
    table.add_row("worked on at a time", "–" if found.concurrency is None else f"{found.concurrency:.3g}")
    if found.decline:
        table.add_row("fall under too much load", f"{found.decline:.0%}")
    return table


def _first(found: Diagnosis) -> str:
    if found.first_full is None:
        return "not seen"
    return escape(found.first_full) + (f" ({found.confidence:.0%} sure)" if found.confidence is not None else "")


def _rate(load: float | None, interval: tuple[float, float] | None) -> str:
    if load is None:
        return "–"
    return f"{load:.4g}/s" + (f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else "")


def _queues(found: Diagnosis) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("queue", "grows by", "from", "service ÷ alone"):
        table.add_column(column)
    for queue in found.queues:
        ratio = "–" if queue.service_ratio is None else f"{queue.service_ratio:.2g}"
        table.add_row(escape(queue.name), f"{queue.growth:.3g}/s", _rate(queue.onset_load, queue.onset_interval), ratio)
    return table
