"""Where experiments, drills and benchmarks run: real servers, real load and probes, each in a process of its own.

Nothing here shares a process with the server under study, so what measures is not delayed by what it measures.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Required, TypedDict, TypeVar, Unpack

import trio

from ..diagnose.ratios import order_of_round
from ..load.patience import Patience
from ..load.retry import Retry
from ..records.chart import Table
from ..records.load import LoadResult
from .blockers import Blockers
from .launch import last_words, serve
from .live_run import NOTE, LiveRun
from .load_step import Look, began, step_of
from .loaded import LEAD, Loaded, ended_between
from .loaders import Loaders
from .server import Server, serving
from .together import both
from .track import Track
from .turns import Contestant, Turns

_PROBE_RATE = 50  # /health requests a second: one per 20 ms, the resolution the sources measure with
_PROBED = "/health?reset=0"
_PROBE_CONNECTIONS = 50  # so that a probe is never late because an earlier one is still waiting

_SAMPLE_PERIOD = 0.1  # seconds between two looks at the queues: a short phase has to show which one fills first

_LOG = 1 << 24  # bytes of a server's log that are searched for errors

_FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")

T = TypeVar("T")
K = TypeVar("K")


class Load(TypedDict, total=False):
    """What `trio-lab load` is told; either ``duration`` or ``stages``. The content of the file ``body`` is what every
    request sends."""

    connections: Required[int]
    duration: float
    rate: float | None
    leave_after: float | Patience | None
    retry: Retry | None
    stages: Sequence[tuple[float, float]]
    timeout: float
    interval: float
    keep_samples: bool
    headers: Sequence[tuple[str, str]]
    body: Path


class Stage:
    """Starts servers, loads them, watches them.

    ``quick`` takes the short doses, and ``dose`` multiplies either kind. ``runtime`` is whose servers they are. ``peers``
    are the versions of the programs that we compare with and that are here. ``patience`` is how many seconds rounds may
    lose to other programs on the machine. ``verbose`` shows what the servers log. ``out`` is a folder for what is worth
    keeping.
    """

    def __init__(
        self,
        *,
        quick: bool,
        dose: float = 1.0,
        runtime: str = "trio",
        peers: Mapping[str, str] | None = None,
        patience: float = 0.0,
        verbose: bool = False,
        out: Path | None = None,
    ) -> None:
        self.quick = quick
        self.dose = dose
        self.runtime = runtime
        self.peers = peers or {}
        self.verbose = verbose
        self.out = out
        self.turns = Turns(patience)
        self.on_phase: Callable[[str], None] = lambda text: None
        """Told what is measured now, in a few words."""
        self.say: Callable[[str], None] = lambda text: None
        """Gets a line about what is done, where a measurement takes very long."""
        self._found: dict[str, Any] = {}
        self._loaders = Loaders()
        self.track: Track | None = None
        """What the present round sees over time; None where nobody asks."""
        self.blockers: Blockers | None = None
        """Asks each server, before it ends, which lines have blocked its loop. None: it is not asked."""
        self.live: LiveRun | None = None
        """Shows each server live. None: nobody looks."""
        self.round = 0
        """The number of the round, where one measures in several."""
        self.notes: list[str] = []
        """What a reader of the figures should know: where the generator was in its own way, or had no reply."""
        self.tables: list[Table] = []
        """What figures alone cannot tell."""

    _keepers: trio.Nursery
    _kept: dict[Hashable, Server]
    _over: trio.Event

    def told_notes(self) -> list[str]:
        """The notes, once each. Of those about one thing that differ in their figures alone, the one with the largest."""
        alike: dict[tuple[str, str], list[str]] = {}
        for note in dict.fromkeys(self.notes):
            about, _, text = note.partition(": ")
            alike.setdefault((about, _FIGURE.sub("", text)), []).append(note)
        return [
            max(notes, key=lambda note: _figures_in(note.partition(": ")[2]))
            + (f" (The worst of {len(notes)}.)" if len(notes) > 1 else "")
            for notes in alike.values()
        ]

    # How much.

    def seconds(self, full: float, *, quick: float) -> float:
        """How long a phase lasts."""
        return round((quick if self.quick else full) * self.dose, 3)

    def count(self, full: int, *, quick: int) -> int:
        """How often something is done."""
        return max(1, round((quick if self.quick else full) * self.dose))

    def rounds(self, full: int, *, quick: int) -> int:
        """In how many rounds contestants take turns: what a median needs, whatever the dose."""
        return quick if self.quick else full

    async def in_turn(self, contestants: Mapping[str, Contestant[T]], rounds: int) -> dict[str, list[T]]:
        """Let each contestant run once a round; its figures in the order of the rounds. See `turns`."""
        return await self.turns.take(contestants, rounds)

    async def once(self, contestants: Mapping[K, Contestant[Any]]) -> dict[K, Any]:
        """What each contestant finds in this round, in the order in which they are given; another one begins in the next."""
        found = {name: await contestants[name]() for name in order_of_round(list(contestants), self.round)}
        return {name: found[name] for name in contestants}

    async def first(self, name: str, call: Contestant[T]) -> T:
        """What the call returned in the first round: for what need not be measured again."""
        if name not in self._found:
            self._found[name] = await call()
        found: T = self._found[name]
        return found

    # Servers.

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """The servers that are `kept` within the block end with it."""
        self._kept, self._over = {}, trio.Event()
        async with trio.open_nursery() as self._keepers, self._loaders.open():
            yield
            self._over.set()

    async def kept(self, *flags: str) -> Server:
        """A server as `server` starts it, the same one in every round: for cases that leave it as they found it."""
        return await self.kept_as(flags, partial(self.server, *flags))

    async def kept_as(self, key: Hashable, open_: Callable[[], AbstractAsyncContextManager[Server]]) -> Server:
        """A server that is opened once and kept under this key, the same one in every round."""
        server = self._kept.get(key)
        if server is None or server.child.process.returncode is not None:
            server = self._kept[key] = await self._keepers.start(self._keep, open_)
        return server

    async def _keep(
        self, open_: Callable[[], AbstractAsyncContextManager[Server]], task_status: trio.TaskStatus[Server]
    ) -> None:
        # In a task of its own, for it outlives the scopes of the round that asks for it.
        async with open_() as server:
            task_status.started(server)
            await self._over.wait()

    @asynccontextmanager
    async def server(self, *flags: str, runtime: str | None = None) -> AsyncIterator[Server]:
        """A `trio-lab serve` of its own on a free port, for the length of the block. Raises what `serving` raises.

        It blocks, starves and refuses on purpose, and would log every bit of it: its log is shown only if the stage is
        ``verbose``. A traceback in there is noted.
        """
        runtime = runtime or self.runtime
        command = serve(*flags, *(self.live.flags(runtime) if self.live else ()), runtime=runtime)
        if self.verbose:
            async with serving(command) as server:
                with self._shown(server):
                    yield server
                await self._ask_who_blocked(server)
            return
        with TemporaryFile() as log:
            async with serving(command, stderr=log) as server:
                with self._shown(server):
                    yield server
                await self._ask_who_blocked(server)
            if b"Traceback" in os.pread(log.fileno(), _LOG, 0):
                self.notes.append(f"the server logged an error: {last_words(log).splitlines()[-1]}")

    def _shown(self, server: Server) -> AbstractContextManager[None]:
        if self.live is None:
            return nullcontext()
        if server.live is not None:
            self.notes.append(NOTE)
        return self.live.shown(server)

    async def _ask_who_blocked(self, server: Server) -> None:
        if self.blockers is not None:
            await self.blockers.ask(server)

    # Load.

    async def load(self, url: str, **options: Unpack[Load]) -> LoadResult:
        """What `trio-lab load` does, in a process of its own."""
        if not url.endswith(_PROBED):
            self.on_phase(_described(url, **options))
            if self.live:
                self.live.loads(url)
        asked = self.track.now() if self.track else 0.0
        found = await self._loaders.load({"url": url, "timeout": 30.0, "interval": 0.2, **options})
        if self.track and not url.endswith(_PROBED):
            self.track.load(_described(url, **options), asked, found)
        self.notes += [f"/{url.split('/', 3)[3]}: {warning}" for warning in found.warnings]
        return found

    async def probe(self, server: Server, *, duration: float) -> LoadResult:
        """Ask /health at a steady rate, whatever comes back."""
        return await self.load(
            server.url + _PROBED,
            connections=_PROBE_CONNECTIONS,
            duration=duration,
            rate=_PROBE_RATE,
            keep_samples=True,
        )

    async def watch(self, server: Server, looks: list[Look]) -> None:
        """Look at the queues again and again, until cancelled. Moments are Trio's time."""
        while True:
            await trio.sleep(_SAMPLE_PERIOD)
            try:
                health = await server.health(reset=True)
            except trio.TooSlowError:
                continue  # the server did not answer in half a minute: the probe's figures show it
            looks.append((trio.current_time(), health))
            if self.track:
                self.track.see(health)

    async def loaded(self, server: Server, path: str, **options: Unpack[Load]) -> Loaded:
        """Load a route, probe /health and sample the queues, all at once."""
        await self._loaders.ready(2)
        idle = await server.health(reset=True)  # what the queues held before it is compared with
        looks: list[Look] = [(trio.current_time(), idle)]
        if self.track:
            self.track.see(idle)

        async def load() -> tuple[LoadResult, float, float]:
            await trio.sleep(LEAD)
            used, asked = server.cpu_seconds(), trio.current_time()
            result = await self.load(server.url + path, **options)
            return result, began(asked, trio.current_time(), result), used

        async with trio.open_nursery() as watching:
            watching.start_soon(self.watch, server, looks)
            probe, (result, begin, used) = await both(partial(self.probe, server, duration=LEAD + _span(options)), load)
            watching.cancel_scope.cancel()
        cpu = server.cpu_seconds() - used
        jobs = ended_between(idle, await server.health())
        return Loaded(load=result, probe=probe, step=step_of(result, begin, looks), cpu=cpu, jobs=jobs)


def _figures_in(text: str) -> list[float]:
    return [float(figure.replace(",", "")) for figure in _FIGURE.findall(text)]


def _described(url: str, **options: Unpack[Load]) -> str:
    """``/hash, 20 connections, 3 s``."""
    rate = f", {options['rate']:g}/s" if options.get("rate") else ""
    connections = f"{options['connections']} connection{'s' * (options['connections'] != 1)}"
    return f"/{url.split('/', 3)[3]}, {connections}{rate}, {_span(options):g} s"


def _span(options: Load) -> float:
    """How long requests are sent."""
    return options["duration"] if "duration" in options else math.fsum(seconds for seconds, _ in options["stages"])
