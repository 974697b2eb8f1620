"""The fixtures of the plugin: objectives that a test must keep, and bulkheads and pools that are closed when it ends.

What a queue has counted is shown with a test that failed, and written into the XML of ``--junit-xml``.

The plugin is loaded into every run of pytest. So what a fixture needs is imported when a test asks for it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ..preconditions import running_loop

if TYPE_CHECKING:
    from ..admission.bulkhead import BaseBulkhead
    from ..admission.choice import Chosen
    from ..admission.gate import Place
    from ..admission.limits.choice import ChosenLimit
    from ..pools.native import NativePool
    from ..pools.workers import WorkerPool
    from ..records.queue import Queue, QueueStatistics
    from .objectives import Objectives

SLO = pytest.StashKey["Objectives"]()


@pytest.fixture
def no_blocking() -> None:
    """The test fails if it blocks its event loop."""


@pytest.fixture
def slo(request: pytest.FixtureRequest) -> Objectives:
    """Times blocks with ``with slo.timed():``. The test fails if it does not keep the objectives of its marker ``slo``, or else
    of the file ``slo.toml``."""
    from ..errors import UsageError
    from ..records.slo_text import read_slo
    from .objectives import Objectives

    text = _objectives_of(request)
    path = str(request.config.rootpath / text)
    try:
        objectives = read_slo(
            path if os.path.isfile(path) else text
        )  # `Path.is_file` raises for a line that is too long
    except UsageError as error:
        pytest.fail(f"the objectives of the fixture slo: {error}", pytrace=False)
    measured = request.node.stash[SLO] = Objectives(objectives)
    return measured


def _objectives_of(request: pytest.FixtureRequest) -> str:
    """What the marker says, or else the option: a line of objectives, or a file."""
    marker = request.node.get_closest_marker("slo")
    given = None if marker is None else marker.args[0] if marker.args else marker.kwargs.get("text")
    return str(request.config.getini("slo") if given is None else given)


@pytest.fixture
def bulkhead(request: pytest.FixtureRequest) -> Iterator[Callable[..., BaseBulkhead]]:
    """Makes bulkheads for the loop that runs, Trio's or asyncio's: ``bulkhead("database", capacity=2)``. When the test ends
    they are closed, and one with places that were not given back is an error."""
    opened: list[BaseBulkhead] = []

    def open_bulkhead(
        name: str = "bulkhead",
        *,
        capacity: int,
        max_waiting: int | None = None,
        queue_timeout: float | None = None,
        discipline: Chosen[Place] = None,
        limit: ChosenLimit = None,
    ) -> BaseBulkhead:
        made = _kind()(
            name,
            capacity=capacity,
            max_waiting=max_waiting,
            queue_timeout=queue_timeout,
            discipline=discipline,
            limit=limit,
        )
        opened.append(made)
        _judge_too(request, made)
        return made

    yield open_bulkhead
    left = []
    for one in opened:
        one.close()
        found = one.statistics()
        _tell(request, found)
        if found.in_service:
            left.append(f"{found.in_service} of the {found.capacity} places of {found.name} were not given back")
    if left:
        pytest.fail("\n".join(left), pytrace=False)


def _kind() -> Callable[..., BaseBulkhead]:
    running = running_loop()
    if running == "Trio":
        from ..admission.on_trio import Bulkhead

        return Bulkhead
    if running == "asyncio":
        from ..admission.on_asyncio import Bulkhead as AsyncioBulkhead

        return AsyncioBulkhead
    raise RuntimeError("the fixture bulkhead makes one for the loop that runs; call it in the asynchronous test")


@pytest.fixture
async def worker_pool(request: pytest.FixtureRequest) -> AsyncIterator[WorkerPool]:
    """A pool of worker processes around a test on Trio. The marker ``worker_pool`` has the options of `open_worker_pool`."""
    from ..pools.workers import open_worker_pool

    async with open_worker_pool(**_options(request, "worker_pool")) as pool:
        _judge_too(request, pool)
        yield pool
        _tell(request, pool.statistics())


@pytest.fixture
async def native_pool(request: pytest.FixtureRequest) -> AsyncIterator[NativePool]:
    """A pool of threads around a test on Trio. The marker ``native_pool`` has the options of `open_native_pool`."""
    from ..pools.native import open_native_pool

    async with open_native_pool(**_options(request, "native_pool")) as pool:
        _judge_too(request, pool)
        yield pool
        _tell(request, pool.statistics())


def _options(request: pytest.FixtureRequest, name: str) -> dict[str, Any]:
    marker = request.node.get_closest_marker(name)
    return {} if marker is None else dict(marker.kwargs)


def _judge_too(request: pytest.FixtureRequest, queue: Queue) -> None:
    if (measured := request.node.stash.get(SLO, None)) is not None:
        measured.watch(queue)


def _tell(request: pytest.FixtureRequest, found: QueueStatistics) -> None:
    counts = ("arrivals", "completions", "rejected", "timed_out", "cancelled", "peak_waiting")
    told = [f"{name.replace('_', ' ')} {getattr(found, name)}" for name in counts]
    for name, times in (("wait", found.wait), ("service", found.service)):
        if times is not None and times.count:
            told.append(f"{name} p50 {times.p50 * 1e3:.3g} ms, p99 {times.p99 * 1e3:.3g} ms")
    text = f"{found.name}: {', '.join(told)}"
    request.node.user_properties.append(("queue", text))
    request.node.add_report_section("teardown", "queues", text)
