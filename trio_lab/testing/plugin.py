"""The plugin of pytest: a test that blocks its event loop fails, with the line, the cause and the time.

It does not matter which plugin runs the tests (pytest-trio, anyio, pytest-asyncio), nor whether a test starts a loop of its
own. Which tests: those with the marker ``no_blocking`` or the fixture of that name, or all with ``--no-blocking``.

A pass counts as blocking if a line of Python, a C call or a blocking call took it over the budget. Not counted is the time
for which the thread had no CPU or garbage was collected, and what happens while a module is imported or in pytest itself.

The fixtures that judge and bound what a test does are in `fixtures`. This module is loaded into every run of pytest, so it
imports the watch only for a suite that asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from .fixtures import SLO, bulkhead, native_pool, no_blocking, slo, worker_pool  # noqa: F401 (pytest finds them here)

if TYPE_CHECKING:
    from ..loop.eyes import Passes
    from ..loop.stalls import Stall
    from .loops import Loops
    from .objectives import Objectives

BUDGET = 0.05  # seconds
_PROPERTY = "blocked the loop"
_LOOPS = pytest.StashKey["Loops"]()
_UNSEEN = pytest.StashKey[bool]()  # whether uvloop was imported before the hooks were installed
_MARKERS = (
    "no_blocking(budget=0.05): fail if the event loop is blocked for so many seconds",
    'slo(text, strict=False): what the fixture slo judges by, a line such as "p99<50ms,ok>99%" or a file; '
    "strict: fail, too, if that could not be told",
    "worker_pool(**options): what the fixture worker_pool opens, as for open_worker_pool",
    "native_pool(**options): what the fixture native_pool opens, as for open_native_pool",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trio_lab", "event loops that are blocked")
    group.addoption("--no-blocking", action="store_true", help="fail every test that blocks its event loop")
    group.addoption(
        "--no-blocking-budget",
        type=float,
        metavar="SECONDS",
        help=f"how long a pass of the loop may take (default: {BUDGET})",
    )
    parser.addini("slo", "objectives of the fixture slo: a file, or a line of them", default="slo.toml")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """uvloop must be imported after the hooks were installed, and a conftest may import it."""
    if early_config.known_args_namespace.no_blocking:
        _loops(early_config)


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if (budget := config.getoption("no_blocking_budget")) is not None:
        _checked("--no-blocking-budget", budget)


def pytest_unconfigure(config: pytest.Config) -> None:
    if (loops := config.stash.get(_LOOPS, None)) is not None:
        loops.close()


def _loops(config: pytest.Config) -> Loops:
    """The loops of this process. Those that begin from now on are noticed."""
    loops = config.stash.get(_LOOPS, None)
    if loops is None:
        from .loops import Loops

        config.stash[_UNSEEN] = "uvloop" in sys.modules
        loops = config.stash[_LOOPS] = Loops()
        loops.install()
    return loops


def _checked(name: str, budget: Any) -> float:
    from ..loop.watch import LONGEST, SHORTEST
    from ..preconditions import require_seconds

    try:
        require_seconds(name, budget, low=SHORTEST, high=LONGEST)
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    return float(budget)


def _budget(item: pytest.Item) -> float | None:
    """Seconds; None if this test may block its loop."""
    marker = item.get_closest_marker("no_blocking")
    for budget in () if marker is None else (*marker.args, *marker.kwargs.values()):
        return _checked("the budget of the marker no_blocking", budget)
    asked = marker is not None or item.config.getoption("no_blocking") or _uses(item, "no_blocking")
    chosen: float | None = item.config.getoption("no_blocking_budget")
    return (BUDGET if chosen is None else chosen) if asked else None


def _uses(item: pytest.Item, fixture: str) -> bool:
    return fixture in getattr(item, "fixturenames", ())


def _watched(item: pytest.Item) -> tuple[Loops | None, float | None]:
    """The loops, with a watch in each that begins from now on if the test asks for it, and its budget."""
    budget = _budget(item)
    loops = item.config.stash.get(_LOOPS, None)
    watched = BUDGET if budget is None and _uses(item, "slo") else budget
    if watched is not None:
        loops = _loops(item.config)
    if loops is not None:
        loops.watch(watched)
    return loops, budget


def pytest_collection_finish(session: pytest.Session) -> None:
    if any(_budget(item) is not None or _uses(item, "slo") for item in session.items):
        _loops(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    _watched(item)
    result = yield
    if (loops := item.config.stash.get(_LOOPS, None)) is not None:
        loops.rest()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    loops, budget = _watched(item)  # again, because a fixture may have marked the test
    began = perf_counter()
    result = yield
    if loops is not None and budget is not None:
        _fail_if_blocked(item, loops.stalls(began), budget)
    if (measured := item.stash.get(SLO, None)) is not None:
        _fail_if_not_met(item, measured, [] if loops is None else loops.passes())
    return result


def _fail_if_blocked(item: pytest.Item, stalls: list[Stall], budget: float) -> None:
    if not stalls:
        return
    from .blocking import blocks

    lines = [str(stall) for stall in stalls if blocks(stall, budget)]
    if lines:
        item.user_properties += [(_PROPERTY, line) for line in lines]
        first = f"the event loop was blocked for more than {budget * 1e3:g} ms:"
        pytest.fail("\n  ".join([first, *lines]), pytrace=False)


def _fail_if_not_met(item: pytest.Item, measured: Objectives, loops: list[Passes]) -> None:
    from .objectives import told

    try:
        found = measured.judge(loops)
    except LookupError as error:
        pytest.fail(str(error), pytrace=False)
    lines = [told(one) for one in found.objectives]
    item.user_properties += [("slo", line) for line in lines]
    strict = (marker := item.get_closest_marker("slo")) is not None and marker.kwargs.get("strict", False)
    if found.met is False or (strict and found.met is None):
        pytest.fail("\n  ".join(["the objectives were not met:", *lines]), pytrace=False)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.stash.get(_UNSEEN, False):
        terminalreporter.line(
            "no_blocking: uvloop was imported too early to see its loops; with --no-blocking they are seen"
        )
    if (loops := config.stash.get(_LOOPS, None)) is not None and loops.unwatched is not None:
        terminalreporter.line(f"no_blocking: not every event loop was watched: {loops.unwatched}")
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    stalls = [text for report in reports if getattr(report, "when", "") == "call" for text in _properties(report)]
    if stalls:
        from .blocking import worst_lines

        terminalreporter.section("lines that blocked the event loop")
        for line in worst_lines(stalls):
            terminalreporter.line(line)


def _properties(report: Any) -> list[str]:
    return [text for name, text in report.user_properties if name == _PROPERTY]
