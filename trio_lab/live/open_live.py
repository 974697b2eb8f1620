"""`open_live`: any program with a watch is seen from beside, on Trio or asyncio."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..attach.figures import LoopFigures, no_threads
from ..blocks import block
from ..loop.totals import totals_of
from ..loop.watch import Watch
from ..pools.program import boot, interpreter
from ..preconditions import require_seconds, running_loop
from ..records.health import Health
from ..records.queue import Queue, named_apart, with_kinds
from .asked import SIDE_PROCESS, Asked
from .beside import Beside
from .figures import FiguresReader, Telling
from .memory import Memory, new_memory
from .metrics.metric import Seen
from .place import answering, open_answers
from .service import LastSeen
from .writing import PERIOD, Writer

_BACKLOG = 128  # connections


@dataclass(frozen=True, slots=True)
class Live:
    """A service that is seen live at ``url``. ``seen`` reads the figures that it has written last, in any thread: for
    OpenTelemetry's `export_metrics` and `WithHistograms`."""

    url: str
    beside: Beside
    seen: Callable[[], Seen]


@block
async def open_live(
    watch: Watch,
    *,
    port: int | None = None,
    host: str = "127.0.0.1",
    listener: socket.socket | None = None,
    names: Iterable[str] = (),
    queues: Sequence[Queue] = (),
    service: str | None = None,
    blocked_after: float = 1.0,
    telling: Telling | None = None,
    lab: str | None = None,
) -> AsyncIterator[Live]:
    """For the length of the block a process beside this one answers at ``http://host:port``: `/live`, `/ready`, `/metrics`,
    `/events` and, for people, `/`. It answers also while the loop is blocked.

    ``watch`` is what `observe` has opened, in the same loop. A ``listener`` takes the place of ``host`` and ``port``.
    ``names`` are the host names by which it may be asked, besides addresses and "localhost". ``queues`` are those that a
    request meets; bulkheads and pools are found without being told. ``service`` is the name that is shown, by default that of
    the program. The loop counts as blocked when a pass has lasted ``blocked_after`` seconds. ``telling`` is for services that
    tell more than a program does by itself, and ``lab`` the address of a server of the lab, which the page may load.

    Raises:
        TypeError, ValueError: ``blocked_after`` is not a number of seconds from 0.1 to 3600, or there is no port.
        RuntimeError: no loop runs in this thread.
        OSError: the address cannot be bound.
    """
    if listener is None and port is None:
        raise TypeError("open_live needs a port, such as open_live(watch, port=9001)")
    require_seconds("blocked_after", blocked_after, low=0.1, high=3600)
    if running_loop() is None:
        raise RuntimeError("open_live needs a loop of Trio or of asyncio; none runs in this thread")
    with ExitStack() as undo:
        if listener is None:
            listener = undo.enter_context(socket.create_server((host, port), family=_family(host), backlog=_BACKLOG))
        if telling is None:
            telling = undo.enter_context(_program(watch, queues))
        descriptor, memory = undo.enter_context(new_memory())
        answers, answered = undo.enter_context(open_answers())
        name = service or _name_of_program()
        async with written(watch, memory, telling, answered=answered, service=name, blocked_after=blocked_after):
            shown = shown_beside(descriptor, listener, tuple(names), lab=lab, answers=[answers])
            with shown as beside:
                yield Live(_url(listener), beside, LastSeen(memory))


@block
async def written(
    watch: Watch, memory: Memory, telling: Telling, *, answered: int, service: str, blocked_after: float = 1.0
) -> AsyncIterator[None]:
    """For the length of the block the service writes into its memory, and its loop's line, when it is asked for it, into the
    pipe ``answered``. The first figures are there when the block begins. Use it in the loop's thread."""
    with answering(answered) as number:
        reader = FiguresReader(watch, telling, service=service, blocked_after=blocked_after, signal=number)
        with _writing(Writer(watch, memory, reader.read)) as writer:
            async with watch.eyes.calling(writer.write, every=PERIOD):
                yield


@contextmanager
def _writing(writer: Writer) -> Iterator[Writer]:
    try:
        writer.open()
        yield writer
    finally:
        writer.close()


@contextmanager
def shown_beside(
    memory: int,
    listener: socket.socket,
    names: tuple[str, ...],
    *,
    lab: str | None,
    answers: Sequence[int],
    processes: bool = False,
) -> Iterator[Beside]:
    """For the length of the block a process shows what is written into a memory. It begins when the first figures are there,
    or ``processes`` says that the memory is that of several (`service`)."""
    asked = Asked(
        memory=memory,
        answers=tuple(answers),
        listener=listener.fileno(),
        processes=processes,
        names=names,
        lab=lab,
        sys_path=tuple(entry for entry in sys.path if isinstance(entry, str)),
    )
    beside = Beside(lambda line: _command(line, asked), (memory, *answers, listener.fileno()))
    try:
        beside.start()
        yield beside
    finally:
        beside.stop()


def _command(line: int, asked: Asked) -> Sequence[str]:
    return [*interpreter(), "-c", boot(SIDE_PROCESS), str(line), asked.to_argument()]


@contextmanager
def _program(watch: Watch, queues: Sequence[Queue]) -> Iterator[Telling]:
    """What a program tells by itself, and its ``queues``."""
    if running_loop() == "asyncio":
        figures = LoopFigures("asyncio", watch, threads=no_threads)
    else:
        from ..loop.default_limiter import DefaultLimiter

        figures = LoopFigures("trio", watch, threads=DefaultLimiter().threads)

    def health() -> Health:
        found = figures.with_usage(figures.health(reset=False))
        return replace(found, queues=named_apart((*found.queues, *map(with_kinds, queues))))

    try:
        yield Telling(health=health, totals=lambda health: totals_of(watch, health.queues))
    finally:
        figures.close()


def _name_of_program() -> str:
    return Path(sys.argv[0] if getattr(sys, "argv", None) else "").name or "python"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
