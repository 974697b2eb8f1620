"""Unit: what several processes have counted together never falls while they are replaced and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.live.seen import seen
from trio_lab.config import Config
from trio_lab.live.memory import Memory
from trio_lab.live.metrics.catalog import METRICS
from trio_lab.live.readings import Readings
from trio_lab.live.service import Service
from trio_lab.records.codec import encode
from trio_lab.records.live import LiveFigures
from trio_lab.records.processes import ServerProcess
from trio_lab.servers.processes.actions import Action, Death, Start
from trio_lab.servers.processes.showing import Showing
from trio_lab.servers.processes.supervision import Supervision

LATER = 100.0  # seconds
REQUESTS, ACTIVE = (
    next(metric for metric in METRICS if metric.name == name)
    for name in ("http_server_requests_total", "http_server_active_requests")
)
EACH = sum(value for _, value in REQUESTS.read(seen()) if isinstance(value, int | float))
"""The requests that each process tells."""


class Reader(Service):
    """Somebody who asks for the figures; ``meanwhile`` happens once while they are read."""

    meanwhile: Callable[[], object] | None = None

    def figures(self, process: ServerProcess) -> LiveFigures | None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().figures(process)

    def sample(self) -> tuple[float, list[tuple[str, ...]]]:
        """All requests, and the processes that have a gauge."""
        combined = self.combined()
        assert combined is not None
        requests = sum(value for _, value in combined.samples(REQUESTS) if isinstance(value, int | float))
        return requests, [labels for labels, _ in combined.samples(ACTIVE)]


class Owner:
    """The supervisor's side, and what its processes write."""

    def __init__(self, showing: Showing) -> None:
        self._showing, self.decided = showing, Supervision(2, grace=1.0)
        for start in self.told(self.decided.begin(0.0)):
            self.start(start)
            self.told(self.decided.ready(start.life, 0.0))

    def told(self, actions: list[Action]) -> list[Start]:
        self._showing.tell(self.decided)
        return [action for action in actions if isinstance(action, Start)]

    def start(self, start: Start) -> None:
        """It starts, and writes its first figures."""
        pid, told = 100 + start.life, seen()
        self.told(self.decided.spawned(start.life, pid, 0.0))
        figures = LiveFigures(
            service="lab",
            pid=pid,
            loop_thread=pid,
            uptime=1.0,
            budget=0.02,
            blocked_after=1.0,
            health=told.health,
            recent=told.health.loop,
            stalls=0,
            totals=told.totals,
        )
        with closing(Memory(self._showing.descriptor, self._showing.region(start))) as memory:
            memory.figures.write(encode(figures))

    def kill_first(self) -> None:
        self._showing.ended(Start(1, 1, 0))
        self.told(self.decided.ended(1, Death(-9), LATER))


@pytest.fixture
def showing() -> Iterator[Showing]:
    with Showing.opened(Config(port=0, processes=2), "lab", None) as opened:
        yield opened


@pytest.fixture
def owner(showing: Showing) -> Owner:
    return Owner(showing)


@pytest.fixture
def reader(showing: Showing) -> Iterator[Reader]:
    with closing(Reader(showing.descriptor, showing.regions)) as service:
        yield service


def test_a_process_that_starts_takes_nothing_from_the_one_that_it_will_replace(owner: Owner, reader: Reader) -> None:
    both = [("1",), ("2",)]
    assert reader.sample() == (2 * EACH, both)
    [start] = owner.told(owner.decided.reload(LATER))
    assert reader.sample() == (2 * EACH, both)
    owner.start(start)
    assert reader.sample() == (3 * EACH, both)
    owner.told(owner.decided.ready(start.life, LATER))
    assert reader.sample() == (3 * EACH, both)


def test_a_process_that_ends_while_the_figures_are_read_is_counted_once(owner: Owner, reader: Reader) -> None:
    reader.meanwhile = owner.kill_first
    assert reader.sample() == (2 * EACH, [("2",)])
    assert reader.meanwhile is None


def test_at_each_moment_a_process_that_has_ended_is_counted_once(
    owner: Owner, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, clear = [], Memory.clear

    def looked_at_between(memory: Memory) -> None:
        found.append(reader.sample()[0])
        clear(memory)
        found.append(reader.sample()[0])

    monkeypatch.setattr(Memory, "clear", looked_at_between)
    owner.kill_first()
    assert found == [2 * EACH] * 2


def seen_in(readings: Readings) -> dict[int, int]:
    """The pids of the processes that are shown as serving, by their numbers."""
    readings.look()
    return {number: one.figures.pid for number, one in readings.serving.items() if one.figures is not None}


def test_a_number_is_shown_by_the_process_that_serves(owner: Owner, showing: Showing) -> None:
    readings = Readings(showing.descriptor, [0] * showing.regions, many=True)
    assert seen_in(readings) == {1: 101, 2: 102}
    [start] = owner.told(owner.decided.reload(LATER))
    owner.start(start)
    assert seen_in(readings) == {1: 101, 2: 102}
    owner.told(owner.decided.ready(start.life, LATER))
    assert seen_in(readings) == {1: 103, 2: 102}
    assert [(one.number, one.pid, one.state) for one in readings.processes() or () if one.number == 1] == [
        (1, 101, "ending"),
        (1, 103, readings.serving[1].state().state),
    ]


def test_a_process_that_has_ended_is_not_shown_and_the_next_in_its_region_begins_anew(
    owner: Owner, showing: Showing
) -> None:
    readings = Readings(showing.descriptor, [0] * showing.regions, many=True)
    assert seen_in(readings) == {1: 101, 2: 102}
    owner.kill_first()  # another one is to start in the same region
    assert seen_in(readings) == {2: 102}
    assert readings.of(1) is None
    again = max(one.life for one in owner.decided.processes())
    owner.start(Start(again, 1, 0))
    assert seen_in(readings) == {2: 102}, "it does not accept connections yet"
    owner.told(owner.decided.ready(again, LATER))
    assert seen_in(readings) == {1: 100 + again, 2: 102}
    assert len(readings.serving[1].history().seconds) == 1
