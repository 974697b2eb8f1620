"""What an experiment is: a question, a prediction that figures can refute, and the way to those figures.

Experiments are data. A case declares its figures and its checks before anything runs; `collect` brings figures and charts
and never a verdict, so the verdict can be made again from the saved figures. What a run found is a record of its own:
`records.result.ExperimentResult`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..http.runtimes import RUNTIMES
from ..records.chart import Chart, Table
from ..records.examination import Step
from ..records.figures import Check, Compared, Declared, Figures, names_of, require_declared
from ..stage.stage import Stage
from .reading import Reading


def flowed(text: str) -> str:
    """Text as a case has it between triple quotes, without its indentation: a blank line begins a new paragraph."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one round of a case found. The queue that filled first is looked for in its ``loads``, in order of time."""

    figures: Figures
    charts: tuple[Chart, ...]
    tables: tuple[Table, ...] = ()
    loads: Sequence[Step] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A question to a running server. ``order`` is its place in the lab; ``expected_s`` the seconds a quick run takes.

    ``collect`` measures one round (see `rounds`). ``finding`` says in a sentence or two what the medians of all rounds
    mean.

    ``figures`` declares what is measured (`records.figures`), by a function of the runtime if that differs.

    An experiment with ``compared`` figures runs on every runtime. One that starts several runtimes itself (``across``)
    runs once, whichever runtimes are asked for. All others are about Trio alone. When no experiment is named, those of the
    ``lab`` run, or those of the ``comparison`` if there are several runtimes: few enough for some minutes.

    Raises:
        ValueError: a check or a compared figure is not declared.
    """

    name: str
    title: str
    order: int
    expected_s: float
    question: str
    prediction: str
    figures: Declared | Callable[[str], Declared]
    checks: tuple[Check, ...]
    advice: str
    collect: Callable[[Stage], Awaitable[Collected]]
    finding: Callable[[Reading], str]
    compared: tuple[Compared, ...] = ()
    across: bool = False
    lab: bool = True
    comparison: bool = True

    def __post_init__(self) -> None:
        for text in ("prediction", "advice"):
            object.__setattr__(self, text, flowed(getattr(self, text)))
        for runtime in filter(self.runs_on, RUNTIMES):
            declared = self.declared(runtime)
            require_declared((check.figure for check in self.checks), declared)
            require_declared((compared.figure for compared in self.compared), declared)

    def runs_on(self, runtime: str) -> bool:
        return runtime == "trio" or self.across or bool(self.compared)

    def declared(self, runtime: str) -> tuple[str, ...]:
        """The names of the figures on this runtime."""
        return names_of(self.figures(runtime) if callable(self.figures) else self.figures)
