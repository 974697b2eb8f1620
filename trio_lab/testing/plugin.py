"""The plugin of pytest: a test that blocks its event loop fails, with the line, the cause and the time.

It does not matter which plugin runs the tests (pytest-trio, anyio, pytest-asyncio), nor whether a test starts a loop of its
own. Which tests: those with the marker ``no_blocking`` or the fixture of that name, or all with ``--no-blocking``.

A pass counts as blocking if a line of Python, a C call or a blocking call took it over the budget. Not counted is the time
for which the thread had no CPU or garbage was collected, and what happens while a module is imported or in pytest itself.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from time import perf_counter
from typing import Any

import pytest

from ..loop.stalls import BLOCKING_CALL, C_CALL, IMPORT, PYTHON, Stall
from ..loop.watch import LONGEST, SHORTEST
from ..preconditions import require_seconds
from .loops import Loops

BUDGET = 0.05  # seconds
_CAUSES = (PYTHON, C_CALL, BLOCKING_CALL)
_RUNNERS = ("_pytest", "pluggy", "pytest_trio", "pytest_asyncio")
_PROPERTY = "blocked the loop"
_LINES = 10  # in the summary
_LOOPS = pytest.StashKey[Loops]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trio_lab", "event loops that are blocked")
    group.addoption("--no-blocking", action="store_true", help="fail every test that blocks its event loop")
    group.addoption(
        "--no-blocking-budget",
        type=float,
        metavar="SECONDS",
        help=f"how long a pass of the loop may take (default: {BUDGET})",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "no_blocking(budget=0.05): fail if the event loop is blocked for so many seconds"
    )
    if (budget := config.getoption("no_blocking_budget")) is not None:
        try:
            require_seconds("--no-blocking-budget", budget, low=SHORTEST, high=LONGEST)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.fixture
def no_blocking() -> None:
    """The test fails if it blocks its event loop."""


def _budget(item: pytest.Item) -> float | None:
    """Seconds; None if this test may block its loop."""
    marker = item.get_closest_marker("no_blocking")
    for budget in () if marker is None else (*marker.args, *marker.kwargs.values()):
        return float(budget)
    asked = (
        marker is not None or item.config.getoption("no_blocking") or "no_blocking" in getattr(item, "fixturenames", ())
    )
    chosen: float | None = item.config.getoption("no_blocking_budget")
    return (BUDGET if chosen is None else chosen) if asked else None


def pytest_collection_finish(session: pytest.Session) -> None:
    budgets = [budget for item in session.items if (budget := _budget(item)) is not None]
    if budgets:
        _watched(session.config, min(budgets))


def _watched(config: pytest.Config, budget: float) -> Loops:
    """The loops of this process. Those that begin from now on are watched with this budget, or a smaller one."""
    loops = config.stash.get(_LOOPS, None)
    if loops is None:
        loops = config.stash[_LOOPS] = Loops(budget)
        loops.install()
    loops.budget = min(loops.budget, budget)
    return loops


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    if (loops := item.config.stash.get(_LOOPS, None)) is not None:
        loops.rest()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    budget, began = _budget(item), perf_counter()
    if budget is None:
        return (yield)
    loops = _watched(item.config, budget)  # also if a fixture has marked the test
    result = yield
    if found := [stall for stall in loops.stalls(began) if blocks(stall, budget)]:
        for stall in found:
            item.user_properties.append((_PROPERTY, str(stall)))
        pytest.fail(_told(found, budget), pytrace=False)
    return result


def blocks(stall: Stall, budget: float) -> bool:
    """Whether code of the program held the loop for longer than the budget."""
    if not stall.filename or not set(_RUNNERS).isdisjoint(stall.filename.split(os.sep)):
        return False
    # What the thread computed, it computed, whatever else happened meanwhile. Only imports may take long.
    held = stall.duration - stall.lost if stall.cause in _CAUSES else stall.cpu
    return stall.cause != IMPORT and held > budget


def _told(stalls: list[Stall], budget: float) -> str:
    lines = [f"the event loop was blocked for more than {budget * 1e3:g} ms:"]
    return "\n  ".join([*lines, *map(str, stalls)])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("no_blocking"):
        return
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    told = [text for report in reports if getattr(report, "when", "") == "call" for text in _properties(report)]
    if told:
        terminalreporter.section("lines that blocked the event loop")
        for text in sorted(told, key=_milliseconds, reverse=True)[:_LINES]:
            terminalreporter.line(text)


def _properties(report: Any) -> list[str]:
    return [text for name, text in report.user_properties if name == _PROPERTY]


def _milliseconds(text: str) -> float:
    return float(text.partition(" ")[0])
