"""One of several processes, seen from inside: it is told what to do on its channel, serves, and says when it is ready.

``main(channel, lifeline)`` is the program; `cli.one_process` calls it. It ends with the supervisor, as a worker does. Ctrl-C
and the end of a terminal are for the supervisor alone.
"""

from __future__ import annotations

import json
import mmap
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trio

from ...errors import LabLost, UsageError, first_of
from ...http.control import Commands
from ...http.lasting import keep_all
from ...http.one_of import OneOf
from ...http.sharing import SIZE, Shared
from ...measure.descriptors import MANY, room_for
from ...worker.lifeline import tie_life
from ..trio.asgi import TrioApp
from ..trio.serving import serve
from .order import RETIRE, Order

AddRoutes = Callable[[TrioApp], None]


def main(channel: int, line: int, fault_routes: AddRoutes) -> int:
    """Serve as the order says, which comes first on the channel. Returns the exit code."""
    tie_life(line)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # unlike SIG_IGN, workers do not inherit it
    with socket.socket(fileno=channel) as said:
        line_of_order, words = _first_line(said)
        order = Order.of_line(line_of_order)
        sys.path[:] = order.sys_path
        room_for(MANY)
        try:
            trio.run(_serve, order, said, words, fault_routes if order.config.faults else None)
        except (BaseExceptionGroup, UsageError, LabLost) as error:
            first = first_of(error)
            if not isinstance(first, UsageError | LabLost):
                raise
            usage = isinstance(first, UsageError)
            _say(said, error=str(first), usage=usage)
            return 2 if usage else 1
    return 0


def _first_line(channel: socket.socket) -> tuple[bytes, bytes]:
    """And what has come behind it."""
    data = b""
    while b"\n" not in data:
        more = channel.recv(65_536)
        if not more:
            raise SystemExit(1)  # the supervisor has ended
        data += more
    line, _, rest = data.partition(b"\n")
    return line, rest


def _say(channel: socket.socket, **words: object) -> None:
    with suppress(OSError):
        channel.send(json.dumps(words).encode() + b"\n")


async def _serve(order: Order, channel: socket.socket, words: bytes, add_routes: AddRoutes | None) -> None:
    shared = Shared(mmap.mmap(order.counts, SIZE), order.region)

    def prepare(app: TrioApp) -> None:
        app.one_of = OneOf(
            of=order.regions // 2,
            memory=order.memory,
            region=order.region,
            regions=order.regions,
            answers=order.answers,
            jobs=Path(order.jobs),
        )
        if add_routes is not None:
            add_routes(app)

    async with trio.open_nursery() as nursery:

        def on_ready(_: str, app: TrioApp) -> None:
            nursery.start_soon(_obey, app, channel, words, shared)
            keep_all()
            _say(channel, ready=True)

        await serve(
            order.config,
            on_ready=on_ready,
            add_routes=prepare,
            listener=socket.socket(fileno=order.listener),
            shared=shared,
        )
        nursery.cancel_scope.cancel()


async def _obey(app: TrioApp, channel: socket.socket, said: bytes, shared: Shared) -> None:
    """Carry out what the supervisor has ``said``, and what it says from now on."""
    commands = Commands(app.lab.native_pool.resize)
    channel.setblocking(False)
    while True:
        *lines, said = said.split(b"\n")
        for line in lines:
            if line == RETIRE:
                shared.others_go_on = True
                app.end()
            else:
                commands.feed(line + b"\n")
        await trio.lowlevel.wait_readable(channel)
        if not (data := channel.recv(65_536)):
            return  # the supervisor has ended, and with it this process
        said += data
