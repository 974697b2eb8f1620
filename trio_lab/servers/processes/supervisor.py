"""The supervisor: it does what `supervision` decides, and tells it what happens.

Signals: SIGTERM and SIGINT end the service; requests in flight have the grace period, the second signal ends it, the third
kills. SIGHUP restarts the processes one after the other; if it came because the terminal is gone it ends the service.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import trio

from ...config import Config
from ...errors import ServiceLost, UsageError
from ...http.connections import LINGER
from ...http.control import Commands, check_control
from ...http.listening import listen, listen_beside, url_of
from ...http.sharing import Counts
from ...pools.alarm import Alarm
from ..own_folder import JOBS, own_folder
from ..trio.control import obey
from .actions import Action, Death, End, Kill, Over, Say, Start
from .child import Child, Command
from .order import RETIRE, Order
from .shares import shares
from .showing import Showing
from .supervision import Supervision

Ready = Callable[[str, str | None], None]
"""Told the URL of the service, and where it is seen live."""


async def supervise(
    config: Config, command: Command, *, on_ready: Ready, say: Callable[[str], None], control: bool = False
) -> None:
    """Serve with ``config.processes`` processes until SIGINT or SIGTERM. ``on_ready`` is called once all of them serve;
    ``say`` gets a line about what happens to a process.

    Raises:
        UsageError: the address cannot be bound, standard input cannot be read from, or a part of the lab cannot be opened.
        ServiceLost: no process can be kept alive.
    """
    if control:
        check_control()
    with ExitStack() as stack:
        listener = stack.enter_context(listen(config))
        beside = listen_beside(config)
        folder = stack.enter_context(own_folder())
        url = url_of(config, listener)
        showing = stack.enter_context(Showing.opened(config, url, beside))
        counts = stack.enter_context(closing(Counts()))
        live = None if beside is None else url_of(config, beside)
        supervisor = Supervisor(config, command, listener, folder / JOBS, showing, counts, say)
        await supervisor.run(lambda: on_ready(url, live), control=control)


class Supervisor:
    """``jobs`` is the file of the service's own jobs. For the length of `run` it owns the processes."""

    def __init__(
        self,
        config: Config,
        command: Command,
        listener: socket.socket,
        jobs: Path,
        showing: Showing,
        counts: Counts,
        say: Callable[[str], None],
    ) -> None:
        self._config, self._command, self._listener, self._jobs = config, command, listener, jobs
        self._showing, self._say = showing, say
        self._decide = Supervision(config.processes, config.grace + LINGER)
        self._children: dict[int, Child] = {}
        self._counts = counts
        self._starting = 0  # processes that are to inherit the listener
        self._alarm = Alarm(lambda now: self._do(self._decide.wake(now)))
        self._over: Over | None = None
        self._on_ready: Callable[[], None] | None = None

    async def run(self, on_ready: Callable[[], None], *, control: bool) -> None:
        self._on_ready = on_ready
        async with trio.open_nursery() as self._nursery:
            await self._nursery.start(self._watch_signals)
            self._nursery.start_soon(self._alarm.run)
            if control:
                self._nursery.start_soon(self._obey)
            self._do(self._decide.begin(trio.current_time()))
        assert self._over is not None
        if self._over.reason is not None:
            raise UsageError(self._over.reason) if self._over.usage else ServiceLost(self._over.reason)

    async def _watch_signals(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        has_terminal = _has_terminal()
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP and not (has_terminal and not _has_terminal()):
                    self._do(self._decide.reload(trio.current_time()))
                else:
                    self._stop()

    def _stop(self) -> None:
        self._do(self._decide.stop(trio.current_time()))

    def _do(self, actions: list[Action]) -> None:
        """Carry out what was decided. First tell who lives, which clears the memory of those that are to be started."""
        self._showing.tell(self._decide)
        if self._decide.is_ending and not self._starting:
            self._listener.close()  # the processes take what is in its backlog
        for action in actions:
            match action:
                case Start():
                    self._starting += 1  # from now on, for the listener must not be closed before
                    self._nursery.start_soon(self._live, action, self._order(action))
                case End(life, alone):
                    self._end(life, alone=alone)
                case Kill(life):
                    if life in self._children:
                        self._children[life].kill()
                case Say(text):
                    self._say(text)
                case Over():
                    self._over = action
                    self._nursery.cancel_scope.cancel()
        self._alarm.at(self._decide.next_wake)
        if self._on_ready is not None and self._decide.all_serve:
            on_ready, self._on_ready = self._on_ready, None
            on_ready()

    def _end(self, life: int, *, alone: bool) -> None:
        if (child := self._children.get(life)) is None:
            return  # it has no pid yet, and will be told then
        if alone:
            child.tell(RETIRE)
        else:
            child.terminate()

    async def _live(self, start: Start, order: Order) -> None:
        """One life of a process, from its start to its end."""
        try:
            child = await self._started(order)
        except OSError as error:
            self._do(self._decide.ended(start.life, Death(None, error.strerror or str(error)), trio.current_time()))
            return
        self._children[start.life] = child
        if order.config.threads != shares(self._config, start.number).threads:  # resized meanwhile
            self._tell_threads(child, start.number)
        self._do(self._decide.spawned(start.life, child.pid, trio.current_time()))
        try:
            death = await child.wait(lambda: self._do(self._decide.ready(start.life, trio.current_time())))
        finally:
            del self._children[start.life]
        self._showing.ended(start)
        self._counts.clear(self._showing.region(start))
        self._do(self._decide.ended(start.life, death, trio.current_time()))

    async def _started(self, order: Order) -> Child:
        try:  # not abandoned on cancel: the process must have an owner, who ends it
            return await trio.to_thread.run_sync(Child.start, self._command, order)
        finally:
            self._starting -= 1

    def _order(self, start: Start) -> Order:
        region = self._showing.region(start)
        return Order(
            config=replace(shares(self._config, start.number), live=False),
            number=start.number,
            listener=self._listener.fileno(),
            memory=self._showing.descriptor,
            region=region,
            regions=self._showing.regions,
            answers=self._showing.answers(region),
            counts=self._counts.descriptor,
            jobs=str(self._jobs),
            sys_path=tuple(entry for entry in sys.path if isinstance(entry, str)),
        )

    async def _obey(self) -> None:
        """Carry out the commands on standard input; its end stops the service."""
        await obey(Commands(self._resize))
        self._stop()

    def _resize(self, threads: int) -> None:
        """Of the native pools together, also of processes that start later."""
        self._config = replace(self._config, threads=threads)
        for process in self._decide.processes():
            if (child := self._children.get(process.life)) is not None:
                self._tell_threads(child, process.number)

    def _tell_threads(self, child: Child, number: int) -> None:
        child.tell(b"threads %d" % shares(self._config, number).threads)


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal. One that is closed is gone before SIGHUP comes."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
