"""Which stalls a test is to blame for, and which lines were the worst of a whole suite. Pure."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable

from ..loop.stalls import BLOCKING_CALL, C_CALL, IMPORT, PYTHON, Stall

_CAUSES = (PYTHON, C_CALL, BLOCKING_CALL)
_RUNNERS = frozenset({"_pytest", "pluggy", "pytest_trio", "pytest_asyncio"})  # packages
_ANYIOS_RUNNER = "TestRunner."  # a class; the rest of AnyIO is a library
_MOST_LINES = 10
_KNOWN = 0.95  # of the budget: what is to be taken off a pass is not known more exactly


def blocks(stall: Stall, budget: float) -> bool:
    """Whether code of the program held the loop for longer than the budget."""
    if not stall.filename or _is_runner(stall):
        return False
    # What the thread computed, it computed, whatever else happened meanwhile. Only imports may take long.
    held = stall.duration - stall.lost if stall.cause in _CAUSES else stall.cpu
    return stall.cause != IMPORT and held > _KNOWN * budget


def _is_runner(stall: Stall) -> bool:
    """Whether the line is pytest's, or that of a plugin that runs tests: no code of the program or of a library ran."""
    parts = stall.filename.split(os.sep)
    anyios = "anyio" in parts and (parts[-1] == "pytest_plugin.py" or stall.function.startswith(_ANYIOS_RUNNER))
    return anyios or not _RUNNERS.isdisjoint(parts)


def worst_lines(stalls: Iterable[str]) -> list[str]:
    """Stalls as text, by line and cause: the lines that took the most time in all first."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for text in stalls:
        milliseconds, _, rest = text.partition(" ms (")
        cause, _, where = rest.partition("): ")
        times[f"{where.partition(', task ')[0]} ({cause})"].append(float(milliseconds))
    worst = sorted(times.items(), key=lambda line: sum(line[1]), reverse=True)
    return [f"{sum(took):.0f} ms{_often(took)}: {where}" for where, took in worst[:_MOST_LINES]]


def _often(took: list[float]) -> str:
    return f" in {len(took)} passes, at most {max(took):.0f} ms" if len(took) > 1 else ""
