"""What became of a part's mutants, and what each survivor is.

A survivor is told by its file, its function and the text that it changes, without numbers: so it keeps its identity when
lines move, or when another function changes.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from .parts import Part
from .source import MARK
from .workplace import folder, metas

_SURVIVED = 0
_NO_TEST = 33  # no test calls the function
_CLASS_SEPARATOR = "ǁ"  # between class and method in mutmut's names


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Survivor:
    file: str
    """Below trio_lab/."""
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"- `{self.file}` `{self.function}`: `{self.before}` → `{self.after}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one part. A mutant that mutmut had to end, or that ended the tests in some other way, counts as killed."""

    killed: int
    survived: int
    untried: int
    survivors: frozenset[Survivor]
    """Changes that are spelled alike in one function are one survivor here, and several in ``survived``."""

    @property
    def score(self) -> float:
        return self.killed / (self.killed + self.survived) if self.killed else 0.0


def outcome(name: str, part: Part) -> Outcome:
    codes = {
        (module, mutant): code
        for module, meta in metas(name, part).items()
        for mutant, code in json.loads(meta.read_text("utf-8"))["exit_code_by_key"].items()
    }
    survivors = [key for key, code in codes.items() if code in (_SURVIVED, _NO_TEST)]
    untried = sum(code is None for code in codes.values())
    with contextlib.chdir(folder(name)):
        return Outcome(
            killed=len(codes) - len(survivors) - untried,
            survived=len(survivors),
            untried=untried,
            survivors=frozenset(_survivor(module, mutant) for module, mutant in survivors),
        )


def _survivor(module: str, mutant: str) -> Survivor:
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    changed = get_diff_for_mutant(mutant, path=Path(module)).splitlines()[2:]
    return Survivor(
        file=module.removeprefix("trio_lab/"),
        function=_function(mutant),
        before=_joined(changed, "-"),
        after=_joined(changed, "+"),
    )


def _function(mutant: str) -> str:
    """``Gate.arrive`` of ``trio_lab.admission.gate.xǁGateǁarrive__mutmut_3``, and ``percentile`` of ``…x_percentile__…``."""
    name = mutant.rpartition("__mutmut_")[0].rpartition(".")[2]
    return name.removeprefix("x_").removeprefix("x" + _CLASS_SEPARATOR).replace(_CLASS_SEPARATOR, ".")


def _joined(changed: list[str], sign: str) -> str:
    lines = [line[1:].partition(MARK)[0].strip() for line in changed if line.startswith(sign)]
    return " ".join(lines).replace("`", "'")
