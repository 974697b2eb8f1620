"""The quick instruments do what Trio's own do: for the watch, for other code's instruments, and when one raises."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trio_lab.loop import trio_instruments
from trio_lab.loop.passes import PassMonitor
from trio_lab.loop.steps import StepMonitor
from trio_lab.loop.trio_instruments import QuickInstruments, _run


class Others(trio.abc.Instrument):
    """Of other code. It raises at the hook named ``at``."""

    def __init__(self, at: str = "") -> None:
        self.at = at
        self.called: list[str] = []

    def _call(self, hook: str) -> None:
        self.called.append(hook)
        if hook == self.at:
            raise RuntimeError("a fault of its own")

    def before_io_wait(self, timeout: float) -> None:
        self._call("before_io_wait")

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self._call("task_spawned")

    def after_run(self) -> None:
        self._call("after_run")


class Faulty(PassMonitor):
    calls = 0

    def after_io_wait(self, timeout: float) -> None:
        self.calls += 1
        raise RuntimeError("a fault of the watch")


@pytest.fixture
async def monitor() -> Any:
    monitor = PassMonitor()
    monitor.install()
    yield monitor
    monitor.remove()


async def a_pass() -> None:
    await trio.lowlevel.checkpoint()


async def test_the_last_instrument_of_the_watch_leaves_the_run_as_it_was() -> None:
    before, passes, steps = _run().instruments, PassMonitor(), StepMonitor()
    passes.put_in()
    steps.put_in()
    assert isinstance(_run().instruments, QuickInstruments)
    passes.take_out()
    passes.take_out()
    assert isinstance(_run().instruments, QuickInstruments)
    steps.take_out()
    assert _run().instruments is before


async def test_other_codes_instruments_are_called_beside_the_watch(monitor: PassMonitor) -> None:
    others, count = Others(), monitor.busy.count
    trio.lowlevel.add_instrument(others)
    await a_pass()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a_pass)
    trio.lowlevel.remove_instrument(others)
    seen = others.called.count("before_io_wait")
    assert seen == monitor.busy.count - count > 1
    assert others.called.count("task_spawned") == 1
    await a_pass()
    assert others.called.count("before_io_wait") == seen


async def test_two_monitors_see_the_same_passes(monitor: PassMonitor) -> None:
    other, count = PassMonitor(), monitor.busy.count
    other.install()
    for _ in range(3):
        await a_pass()
    other.remove()
    await a_pass()
    assert (other.busy.count, monitor.busy.count - count) == (3, 4)


@pytest.mark.parametrize("at", ["before_io_wait", "task_spawned"])
async def test_other_codes_instrument_that_raises_is_removed_by_trio_and_the_watch_goes_on(
    monitor: PassMonitor, caplog: pytest.LogCaptureFixture, at: str
) -> None:
    others = Others(at)
    trio.lowlevel.add_instrument(others)
    for _ in range(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(a_pass)
    count = monitor.busy.count
    await a_pass()
    assert (others.called.count(at), monitor.busy.count) == (1, count + 1)
    assert [record.name for record in caplog.records] == ["trio.abc.Instrument"]
    with pytest.raises(KeyError):
        trio.lowlevel.remove_instrument(others)


async def test_an_instrument_of_the_watch_that_raises_is_removed(caplog: pytest.LogCaptureFixture) -> None:
    before, faulty = _run().instruments, Faulty()
    faulty.put_in()
    for _ in range(3):
        await a_pass()
    assert faulty.calls == 1
    assert [record.name for record in caplog.records] == ["trio.abc.Instrument"]
    with pytest.raises(KeyError):
        trio.lowlevel.remove_instrument(faulty)
    faulty.take_out()
    assert _run().instruments is before


def test_the_end_of_a_run_is_told_to_other_codes_instruments() -> None:
    others = Others()

    async def main() -> None:
        PassMonitor().install()
        trio.lowlevel.add_instrument(others)

    trio.run(main)
    assert others.called[-1] == "after_run"


async def test_a_trio_that_keeps_its_instruments_elsewhere_calls_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _run().instruments
    monkeypatch.setattr(trio_instruments, "_run", lambda: None)
    monitor = PassMonitor()
    monitor.install()
    await a_pass()
    monkeypatch.undo()
    assert (_run().instruments, monitor.busy.count) == (before, 1)
    monitor.remove()
