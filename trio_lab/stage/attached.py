"""A program of other people, started, found and looked into: ``async with attached(["python", "app.py"]) as service:``.

Nothing is changed in its code. Its environment makes its Python processes run `trio_lab.attach`, which opens a watch in each
event loop and reports here. A program that cannot be looked into (another language, ``python -I``) is served all the same:
`Attached.blind_to` says why nothing is seen.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import IO

import trio

from ..attach.notes import BEGUN, FAILED, IMPORTED
from ..blocks import block
from ..errors import UsageError
from ..loop.stalls import Stall
from ..measure.process import cpu_seconds
from ..measure.socket_diag import ListeningSocket
from ..records.health import Health
from .listening import Listener, holders_of, listeners
from .supervised import GRACE, Program, supervised
from .until import until
from .views import View, ViewLost, Views, open_views

BUDGET = 0.005
"""Seconds that a pass may take before it is a stall."""

_LOOK = 0.03  # seconds between two looks for its sockets
_SETTLE = 0.2  # seconds after the first socket in which another may follow
_HOOK_TIME = 1.0  # seconds from the first socket until a loop reports, if the hook is there,
_IMPORT_TIME = 15.0  # and if Trio was imported already: some servers listen before they import the app
_POLL = 0.5  # seconds between two questions for stalls


class ProgramEnded(UsageError):
    """You get it when the ``program`` ends while it is needed, or before it listens. ``code`` is its exit code, negative for a
    signal; None if its supervisor died."""

    def __init__(self, program: Program, when: str) -> None:
        code = program.code
        how = "its supervisor died" if code is None else f"exit code {code}" if code >= 0 else f"signal {-code}"
        super().__init__(f"{' '.join(program.command)} ended {when} ({how})")
        self.program, self.code = program, code


class Attached:
    """A program that serves. Its exit code is in ``program`` when the block is over."""

    def __init__(self, program: Program, views: Views) -> None:
        self.program = program
        self._views = views
        self._view: View | None = None
        self._ranked: tuple[object, ...] = ()  # what the choice was made from
        self.listener: Listener | None = None

    @property
    def url(self) -> str:
        """Where it serves, without a path."""
        assert self.listener is not None
        return f"http://{self.listener.authority}"

    @property
    def view(self) -> View | None:
        """The event loop that figures come from, None if none reports.

        Of several it is one in a process that has the listening socket, Trio's rather than asyncio's, and the latest. A loop
        of Trio that serves remains the one until it ends.
        """
        lost = self._view if self._view is not None and self._view.lost.is_set() else None
        if self._ranked != (now := (len(self._views.all), lost, self.listener is None)):
            self._ranked = now
            self._find_processes()
            living = [view for view in self._views.all if not view.lost.is_set()]
            if self._view not in living or not all(self._rank(self._view)[:2]):
                self._view = max(living, key=self._rank, default=None)
        return self._view

    def _find_processes(self) -> None:
        """Which processes serve may change: workers are replaced."""
        if self.listener is not None:
            self.listener = next(iter(self._listeners(self.listener.port)), self.listener)

    def _rank(self, view: View) -> tuple[bool, bool, int]:
        return self._serves(view.pid), view.about.get("loop") == "trio", self._views.all.index(view)

    def _serves(self, pid: int) -> bool:
        return self.listener is not None and pid in self.listener.pids

    async def sample(self, *, reset: bool = True) -> Health | None:
        """What the program's loop says of itself, over the time since the last reset; None if none reports.

        It waits until the loop answers: a loop that is blocked does not.
        """
        while (view := self.view) is not None:
            try:
                return self._with_backlog(await view.ask("figures" if reset else "stalls"))
            except ViewLost:
                if not view.lost.is_set():
                    return None  # it cannot read its figures: `blind_to` has the reason
        return None

    def _with_backlog(self, health: Health) -> Health:
        """The queue before the program itself is seen from outside."""
        if self.listener is None:
            return health
        backlog = ListeningSocket(self.listener.port).statistics()
        return replace(health, queues=(backlog, *health.queues))

    def stalls(self) -> list[Stall]:
        """The stalls of all of its loops that were told so far, by the time at which they began."""
        return sorted((stall for view in self._views.all for stall in view.stalls), key=lambda stall: stall.began)

    def cpu_seconds(self) -> float:
        """CPU time of all its processes that run now, seen from outside."""
        return sum(cpu_seconds(pid) or 0.0 for pid in self.program.family())

    @property
    def blind_to(self) -> tuple[str, ...]:
        """What cannot be seen of it, and why; a sentence each."""
        self._find_processes()
        view = self.view
        if view is None:
            return (f"nothing inside of the program is seen: {self._why_no_view()}",)
        found = []
        if view.fault is not None:
            found.append(f"process {view.pid} could not read its figures: {view.fault}")
        if not self._serves(view.pid):
            found.append(f"requests are taken by another process than the one that reports ({view.pid})")
        others = [one for one in self._views.all if self._alike(one, view)]
        if others:
            found.append(f"{len(others) + 1} processes serve, and the figures are those of one of them ({view.pid})")
        if view.health is not None and view.health.loop.blind is not None:
            found.append(f"not every pass of the loop is seen: {view.health.loop.blind}")
        return tuple(found)

    def _alike(self, one: View, view: View) -> bool:
        return not one.lost.is_set() and one.pid != view.pid and self._serves(one.pid) and self._serves(view.pid)

    def _why_no_view(self) -> str:
        if any(self._views.all):
            return "its event loop has ended"
        serving = () if self.listener is None else self.listener.pids
        notes = self._views.notes()
        kind, text = next((notes[pid] for pid in (*serving, *notes) if pid in notes), ("", ""))
        if not kind:
            return "no Python of it has run the hook (it is no Python program, has -I, -E or -S, or clears its environment)"
        if kind == FAILED:
            return text
        return (
            f"no event loop has begun ({text})" if kind == IMPORTED else f"Trio and asyncio were not imported ({text})"
        )

    # What happens before and beside the block.

    async def _end_with_program(self) -> None:
        began = trio.current_time()
        await self.program.ended.wait()
        when = f"after {trio.current_time() - began:.1f} s" if self.listener else "before it listened"
        raise ProgramEnded(self.program, when)

    async def _find_listener(self, port: int | None, limit: float) -> Listener:
        await until(lambda: bool(self._listeners(port)), limit=limit, period=_LOOK)
        if port is None:
            await trio.sleep(_SETTLE)
        found = self._listeners(port)
        command = " ".join(self.program.command)
        if not found:
            where = "any port" if port is None else f"port {port}"
            other = holders_of(port) if port is not None else []
            taken = f"; process {other[0]} does, which is not part of it" if other else ""
            raise UsageError(f"{command} did not listen on {where} within {limit:g} s{taken}")
        if len(found) > 1:
            ports = ", ".join(str(one.port) for one in found)
            raise UsageError(f"{command} listens on several ports: {ports}. Choose one with --port")
        return found[0]

    async def _find_listener_later(self, port: int | None) -> None:
        await until(lambda: bool(self._listeners(port)), limit=math.inf, period=_POLL)
        self.listener = next(iter(self._listeners(port)), None)

    def _listeners(self, port: int | None) -> list[Listener]:
        return [one for one in listeners(self.program.family()) if port in (None, one.port)]

    async def _wait_for_view(self) -> None:
        """A loop that serves is there soon, if the hook could be loaded."""
        began = trio.current_time()
        while self.view is None or not self._serves(self.view.pid):
            kinds = {kind for kind, _ in self._views.notes().values()}
            wait = _IMPORT_TIME if IMPORTED in kinds else _HOOK_TIME if BEGUN in kinds else 0.0
            if (left := began + wait - trio.current_time()) <= 0:
                return
            with trio.move_on_after(min(_LOOK, left)):
                await self._views.changed.wait()

    async def _poll_stalls(self) -> None:
        """Ask every loop now and then, so that what it saw is known if it dies."""
        async with trio.open_nursery() as nursery:
            while True:
                for view in self._views.all:
                    if not view.lost.is_set():
                        nursery.start_soon(_ask_for_stalls, view)
                await trio.sleep(_POLL)


async def _ask_for_stalls(view: View) -> None:
    with trio.move_on_after(_POLL):
        try:
            await view.ask("stalls")
        except ViewLost:
            return


@block
async def attached(
    command: Sequence[str],
    *,
    port: int | None = None,
    wait: bool = True,
    budget: float = BUDGET,
    start_time: float = 60.0,
    grace: float = GRACE,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> AsyncIterator[Attached]:
    """Start a program, and wait until it listens unless ``wait`` is false. At the end of the block it is asked to stop, and
    killed after ``grace``.

    ``port`` says which of its ports is meant; without it the program has to listen on one. ``budget`` is how long a pass of
    its loop may take in seconds. The standard streams are ours unless others are given.

    Raises:
        UsageError: ``port`` is none, or the program could not be started, listens on several ports, or on none within
            ``start_time`` seconds.
        ProgramEnded: it ended before it listened, or within the block, which is then cancelled.
    """
    if port is not None and not 1 <= port <= 65_535:
        raise UsageError(f"port must be between 1 and 65535, not {port}")
    async with open_views(budget=budget) as views:
        environment = views.environment(dict(os.environ if env is None else env))
        async with supervised(
            command, grace=grace, env=environment, stdin=stdin, stdout=stdout, stderr=stderr
        ) as program:
            async with trio.open_nursery() as nursery:
                service = Attached(program, views)
                nursery.start_soon(service._end_with_program)
                if wait:
                    service.listener = await service._find_listener(port, start_time)
                    await service._wait_for_view()
                else:
                    nursery.start_soon(service._find_listener_later, port)
                nursery.start_soon(service._poll_stalls)
                yield service
                nursery.cancel_scope.cancel()
