"""The contents of the page: a link to each of its parts, with the outcomes of the experiments."""

from __future__ import annotations

from collections.abc import Iterator

from trio_lab.records.result import Results
from trio_lab.report.comparison import compared_anchor, difference_anchor
from trio_lab.report.prose import text
from trio_lab.report.section import anchor, mark


def contents(run: Results, *, learned: bool) -> str:
    """``learned``: the page has a part on what was learned."""
    items = "".join(f'<li><a href="#{to}">{label}</a></li>' for to, label in _entries(run, learned=learned))
    return f'<nav class="contents" aria-label="Contents"><h2>Contents</h2><ul>{items}</ul></nav>'


def _entries(run: Results, *, learned: bool) -> Iterator[tuple[str, str]]:
    if run.doctor is not None:
        yield "doctor", "Which queue fills first"
    if learned:
        yield "learned", "What we learned"
    compared = run.comparison
    if compared:
        yield "comparison", "How the runtimes compare"
    yield "verdicts", "All verdicts"
    for number, one in enumerate(compared.experiments if compared else (), 1):
        yield compared_anchor(number, one), text(one.name)
    apart = {one.name for one in compared.experiments} if compared else set()
    for number, entry in enumerate(run.experiments, 1):
        if entry.name not in apart:
            yield anchor(number, entry), f"{mark(entry.outcome)} {text(entry.name)}"
    for number, difference in enumerate(compared.differences if compared else (), 1):
        yield difference_anchor(number, difference), text(difference.title)
    yield "machine", "Machine and versions"
