"""Where experiments, drills and benchmarks run: real servers, real load and probes, each in a process of its own.

Nothing here shares a process with the server under study, so what measures is not delayed by what it measures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Required, TypedDict, TypeVar, Unpack

import trio

from ..records.codec import decode
from ..records.health import Health
from ..records.load import LoadResult
from .launch import LIFELINE, TRIO_LAB, output_of, serve
from .loaded import LEAD, Loaded, completions, sample
from .server import Server, serving
from .together import both
from .turns import Contestant, Turns

_PROBE_RATE = 50  # /health requests a second: one per 20 ms, the resolution the sources measure with
_PROBE_CONNECTIONS = 50  # so that a probe is never late because an earlier one is still waiting

_FIGURE = re.compile(r"\d+(?:\.\d+)?")

T = TypeVar("T")


class Load(TypedDict, total=False):
    """What `trio-lab load` is told. The content of the file ``body`` is what every request sends."""

    connections: Required[int]
    duration: Required[float]
    rate: float | None
    leave_after: float | None
    timeout: float
    interval: float
    samples: bool
    body: Path


class Stage:
    """Starts servers, loads them, watches them.

    ``quick`` takes the short doses, and ``dose`` multiplies either kind. ``runtime`` is whose servers they are. ``peers``
    are the versions of the programs that we compare with and that are here. ``patience`` is how many seconds rounds may
    lose to other programs on the machine.
    """

    def __init__(
        self,
        *,
        quick: bool,
        dose: float = 1.0,
        runtime: str = "trio",
        peers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> None:
        self.quick = quick
        self.dose = dose
        self.runtime = runtime
        self.peers = peers or {}
        self.turns = Turns(patience)
        self.notes: list[str] = []
        """What a reader of the figures should know: where the generator was in its own way, or had no reply."""

    def told_notes(self) -> list[str]:
        """The notes, once each. Of those about one thing that differ in their figures alone, the one with the largest."""
        alike: dict[tuple[str, str], list[str]] = {}
        for note in dict.fromkeys(self.notes):
            about, _, text = note.partition(": ")
            alike.setdefault((about, _FIGURE.sub("", text)), []).append(note)
        return [
            max(notes, key=lambda note: list(map(float, _FIGURE.findall(note.partition(": ")[2]))))
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

    # Servers.

    def server(self, *flags: str, runtime: str | None = None) -> AbstractAsyncContextManager[Server]:
        """A `trio-lab serve` of its own on a free port, for the length of the block. Raises what `serving` raises."""
        return serving(serve(*flags, runtime=runtime or self.runtime))

    # Load.

    async def load(self, url: str, **options: Unpack[Load]) -> LoadResult:
        """`trio-lab load` in a process of its own."""
        command = [*TRIO_LAB, "load", url, "--json", LIFELINE]
        for name, value in {"timeout": 30.0, "interval": 0.5, **options}.items():
            if value is not None and value is not False:
                command += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        # Exit code 1 means that no reply came, which is a finding too.
        found = decode(LoadResult, await output_of(command, accepted=(0, 1)))
        self.notes += [f"/{url.split('/', 3)[3]}: {warning}" for warning in found.warnings]
        return found

    async def probe(self, server: Server, *, duration: float) -> LoadResult:
        """Ask /health at a steady rate, whatever comes back."""
        return await self.load(
            server.url + "/health?reset=0",
            connections=_PROBE_CONNECTIONS,
            duration=duration,
            rate=_PROBE_RATE,
            samples=True,
        )

    async def loaded(self, server: Server, path: str, **options: Unpack[Load]) -> Loaded:
        """Load a route, probe /health and sample the queues, all at once."""
        samples: list[Health] = []
        before = await completions(server, reset=True)

        async def load() -> tuple[LoadResult, float]:
            await trio.sleep(LEAD)
            used = server.cpu_seconds()
            result = await self.load(server.url + path, **options)
            return result, used

        async with trio.open_nursery() as watching:
            watching.start_soon(sample, server, samples)
            probe, (result, used) = await both(partial(self.probe, server, duration=LEAD + options["duration"]), load)
            watching.cancel_scope.cancel()
        cpu = server.cpu_seconds() - used
        jobs = {name: count - before[name] for name, count in (await completions(server)).items()}
        return Loaded(load=result, probe=probe, samples=tuple(samples), cpu=cpu, jobs=jobs)
