"""The stage an experiment plays on: real servers, real load and probes, each a process of its own.

Nothing here shares a process with the server under study, so nothing that measures is delayed by what it measures.
The server gets this process as its lifeline (its standard input): whatever happens to the lab, no server stays behind.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from ..load.client import fetch
from ..measure.percentile import percentile
from ..measure.process import children, cpu_seconds
from ..records.codec import decode
from ..records.health import Health

_PROBE_RATE = 50  # /health requests a second: one per 20 ms, the resolution the sources measure with
_PROBE_CONNECTIONS = 50  # so that a probe is never late because an earlier one is still waiting
_LEAD = 0.4  # seconds that the probe runs before the load: its own connecting is not the load's doing
_SAMPLE_PERIOD = 0.25  # seconds between two looks at the queues
_START_TIME = 60.0
_STOP_TIME = 30.0

PYTHON = [sys.executable, "-m", "trio_lab"]
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_PROGRAMS = Path(__file__).parents[1] / "subjects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load phase brought: the load's own result, the /health probe's, and the server's queues over time."""

    load: dict[str, Any]
    probe: dict[str, Any]
    samples: list[Health]
    cpu_s: float
    """CPU seconds that the server and its children used."""
    jobs: dict[str, int]
    """Jobs that each queue ended meanwhile, by the queue's name; without those that do not count them."""

    def wasted(self, queue: str) -> float | None:
        """The share of the jobs that ``queue`` ended for which nobody was there any more; None when it ended none."""
        jobs = self.jobs.get(queue, 0)
        return max(0.0, 1 - self.load["requests"]["ok"] / jobs) if jobs else None

    def health_points(self) -> list[tuple[float, float]]:
        """(second of the load in which it was asked, milliseconds until the answer) of every probe, in order of time."""
        asked = sorted((ended - latency / 1e3 - _LEAD, latency) for ended, latency in self.probe["samples"])
        return [(t, latency) for t, latency in asked if t >= 0]

    @property
    def health_ms(self) -> dict[str, float]:
        """Percentiles of the probes that were asked while the load ran, exact; an infinite one if none was answered."""
        latencies = [latency for _, latency in self.health_points()] or [math.inf]
        ranks = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
        return {name: percentile(latencies, share) for name, share in ranks.items()}

    @property
    def health_p99_ms(self) -> float:
        return self.health_ms["p99"]


@dataclass(slots=True)
class Server:
    """A lab server that runs as a child process."""

    process: trio.Process
    url: str
    commands: trio.abc.SendStream = field(repr=False)

    async def resize(self, threads: int) -> None:
        """Change the native pool's size while the server runs; returns when the server says so itself."""
        await self.commands.send_all(f"threads {threads}\n".encode())
        with trio.fail_after(5):
            while (await self.health()).threads != threads:  # noqa: ASYNC110  (another process: no Event)
                await trio.sleep(0.01)

    async def get(self, path: str, *, timeout: float = 30.0) -> dict[str, Any]:
        reply = await fetch(self.url + path, timeout=timeout)
        body: dict[str, Any] = json.loads(reply.body)
        return body

    async def get_timed(self, path: str) -> float:
        """Seconds that a request took."""
        return (await fetch(self.url + path, timeout=30.0)).latency

    async def health(self, *, reset: bool = False) -> Health:
        return decode(Health, (await fetch(f"{self.url}/health?reset={int(reset)}", timeout=30.0)).body)

    def cpu_seconds(self) -> float:
        pids = [self.process.pid, *children(self.process.pid)]
        return sum(seconds for pid in pids if (seconds := cpu_seconds(pid)) is not None)


class Stage:
    """Starts servers, loads them, watches them. ``quick`` shortens every phase; ``dose`` multiplies what is left;
    ``runtime`` is whose servers they are."""

    def __init__(self, *, quick: bool, dose: float = 1.0, runtime: str = "trio") -> None:
        self.quick = quick
        self.dose = dose
        self.runtime = runtime
        self.notes: list[str] = []
        """What a reader of the figures should know: where the generator was in its own way."""

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

    def seconds(self, full: float, *, quick: float) -> float:
        """How long a phase lasts."""
        return round((quick if self.quick else full) * self.dose, 3)

    @asynccontextmanager
    async def server(self, *flags: str) -> AsyncIterator[Server]:
        """A `trio-lab serve` of its own on a free port, for the length of the block.

        Raises:
            RuntimeError: it did not start, or did not end with exit code 0.
        """
        runtime = ["--runtime", self.runtime] if self.runtime != "trio" else []
        command = [*PYTHON, "serve", "--port", "0", "--control", "--json", *runtime, *flags]
        async with self.serving(*command) as server:
            yield server

    @asynccontextmanager
    async def serving(self, *command: str) -> AsyncIterator[Server]:
        """Any server that prints {"url"} and ends with its standard input. Raises what `server` raises."""
        async with trio.open_nursery() as nursery:
            start = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False)
            process: trio.Process = await nursery.start(start)
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                with trio.fail_after(_START_TIME):
                    url = await _read_address(process.stdout)
                yield Server(process, url, process.stdin)
                await process.stdin.aclose()
                with trio.move_on_after(_STOP_TIME):
                    await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
        if process.returncode != 0:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")

    async def load(
        self,
        url: str,
        *,
        connections: int,
        duration: float,
        rate: float | None = None,
        leave_after: float | None = None,
        timeout: float = 30.0,
        interval: float = 0.5,
        samples: bool = False,
        body: Path | None = None,
    ) -> dict[str, Any]:
        """`trio-lab load` in a process of its own; returns its JSON. With a ``body`` it is what every request sends."""
        command = [*PYTHON, "load", url, "-c", str(connections), "-d", str(duration), "--json"]
        command += ["--timeout", str(timeout), "--interval", str(interval)]
        if rate is not None:
            command += ["-R", str(rate)]
        if leave_after is not None:
            command += ["--leave-after", str(leave_after)]
        if samples:
            command += ["--samples"]
        if body is not None:
            command += ["--body", str(body)]
        found = _without_gaps(await _json_of(command, accepted=(0, 1)))  # 1: no reply at all came, which is a finding
        if (bottleneck := found["generator"]["bottleneck"]) is not None:
            self.notes.append(f"/{url.split('/', 3)[3]}: {bottleneck}")
        return found

    async def probe(self, server: Server, *, duration: float) -> dict[str, Any]:
        """Ask /health at a steady rate, whatever comes back, from a process of its own."""
        return await self.load(
            server.url + "/health?reset=0",
            connections=_PROBE_CONNECTIONS,
            duration=duration,
            rate=_PROBE_RATE,
            samples=True,
        )

    async def loaded(self, server: Server, path: str, *, duration: float, **load: Any) -> Loaded:
        """Load a route, probe /health and sample the queues, all at once."""
        results: dict[str, Any] = {}
        samples: list[Health] = []
        ended = _completions(await server.health(reset=True))

        async def keep(name: str, work: Any) -> None:
            results[name] = await work

        async with trio.open_nursery() as watching:
            watching.start_soon(_sample, server, samples)
            async with trio.open_nursery() as working:
                working.start_soon(keep, "probe", self.probe(server, duration=_LEAD + duration))
                await trio.sleep(_LEAD)
                before = server.cpu_seconds()
                working.start_soon(keep, "load", self.load(server.url + path, duration=duration, **load))
            watching.cancel_scope.cancel()
        used = server.cpu_seconds() - before
        jobs = {name: count - ended[name] for name, count in _completions(await server.health()).items()}
        return Loaded(load=results["load"], probe=results["probe"], samples=samples, cpu_s=used, jobs=jobs)

    async def bare(self, kind: str, count: int, *, duration: float) -> float:
        """The same hash in ``count`` bare threads or processes, nothing else around it: jobs per second."""
        return float((await self.program("trio_lab.subjects.bare", kind, count, duration))["jobs_per_s"])

    async def program(self, module: str, *words: object) -> dict[str, Any]:
        """What one of our modules prints, run as a process of its own that takes ``--lifeline``."""
        return await _json_of([sys.executable, "-m", module, *map(str, words)])

    async def answer(self, kind: str, runtime: str, *words: object) -> dict[str, Any]:
        """What one of the programs in `subjects` says: ``kind`` is order, matrix or siblings."""
        if runtime == "node":
            command = ["node", str(_PROGRAMS / f"{kind}_node.mjs")]
        else:
            command = [sys.executable, "-m", f"trio_lab.subjects.{kind}_{runtime}"]
        return await _json_of([*command, "--json", *map(str, words)])


def _completions(health: Health) -> dict[str, int]:
    return {queue.name: queue.completions for queue in health.queues if queue.completions is not None}


async def _sample(server: Server, samples: list[Health]) -> None:
    while True:
        await trio.sleep(_SAMPLE_PERIOD)
        try:
            samples.append(await server.health(reset=True))
        except trio.TooSlowError:
            continue  # the server did not answer in half a minute; the probe's figures tell


async def _read_address(stdout: trio.abc.ReceiveStream) -> str:
    said = b""
    while b"\n" not in said:
        data = await stdout.receive_some()
        if not data:
            raise RuntimeError("the server ended before it was ready; its own words are above")
        said += data
    return str(json.loads(said.split(b"\n", 1)[0])["url"])


def _without_gaps(found: dict[str, Any]) -> dict[str, Any]:
    """Not-a-number for a latency that nobody had: it can be reckoned with, and what comes of it is never judged."""
    for name in ("latency_ms", "service_ms", "shed_ms"):
        found[name] = {figure: math.nan if ms is None else ms for figure, ms in found[name].items()}
    return found


async def _json_of(command: list[str], *, accepted: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """What a command of ours prints. It is given a lifeline: it ends with this process, whatever happens to that."""
    lifeline, ours = os.pipe()
    try:
        finished = await trio.run_process(
            [*command, "--lifeline"], stdin=lifeline, capture_stdout=True, capture_stderr=True, check=False
        )
    finally:
        os.close(lifeline)
        os.close(ours)
    if finished.returncode not in accepted or not finished.stdout:
        said = finished.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"{' '.join(command[2:5])} ended with exit code {finished.returncode}: {said}")
    body: dict[str, Any] = json.loads(finished.stdout)
    return body
