"""Where a benchmark runs: how long, how often, with which peers, and children that print their figures as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from ..diagnose.ratios import order_of_round
from ..stage.stage import Stage
from ..subjects import stack
from .quiet import Watch, wait_quiet

_STOP_TIME = 10.0
_PATIENCE = 120.0  # seconds that a benchmark may lose to others, by waiting for a quiet machine and by repeating rounds
T = TypeVar("T")
Contestant = Callable[[], Awaitable[float]]

_FILES = Path(__file__).parent / "peers"
_BARE_SERVER = Path(stack.__path__[0]) / "bare_node.mjs"


class Stand:
    """One benchmark's run. ``versions`` names the peers that are there; ``dose`` multiplies every duration."""

    def __init__(self, *, quick: bool, versions: Mapping[str, str], dose: float = 1.0) -> None:
        self.stage = Stage(quick=quick, dose=dose)
        self.quick = quick
        self.versions = versions
        self._patience = 0.0 if quick else _PATIENCE
        self.disturbed_rounds = 0
        """Rounds that count although others used the machine meanwhile."""

    def has(self, peer: str) -> bool:
        return peer in self.versions

    def rounds(self, full: int = 5, *, quick: int = 3) -> int:
        return quick if self.quick else full

    def seconds(self, full: float, *, quick: float) -> float:
        """How long one turn of one contestant lasts."""
        return self.stage.seconds(full, quick=quick)

    async def in_turn(self, contestants: Mapping[str, Callable[[], Awaitable[T]]], rounds: int) -> dict[str, list[T]]:
        """Let each contestant run once a round; its figures in the order of the rounds.

        Unless it has to be quick, a round waits for a quiet machine and is repeated when others disturbed it. Which
        rounds count is decided by what others did, never by their figures.
        """
        figures: dict[str, list[T]] = {name: [] for name in contestants}
        for number in range(rounds):
            for name, figure in (await self._round(contestants, number)).items():
                figures[name].append(figure)
        return figures

    async def _round(self, contestants: Mapping[str, Callable[[], Awaitable[T]]], number: int) -> dict[str, T]:
        while True:
            self._patience -= await wait_quiet(self._patience)
            watch, began = Watch(), trio.current_time()
            found = {name: await contestants[name]() for name in order_of_round(list(contestants), number)}
            disturbed = watch.disturbed()
            if disturbed and self._patience > 0:
                self._patience -= trio.current_time() - began
            else:
                self.disturbed_rounds += disturbed
                return found

    async def python(self, module: str, *words: object) -> dict[str, Any]:
        """Run a module of this package as a process of its own; returns the JSON it prints."""
        return await figures_of([sys.executable, "-m", f"trio_lab.bench.{module}", *map(str, words)])

    async def node(self, file: str, *words: object) -> dict[str, Any]:
        """Run one of our node files; returns the JSON it prints."""
        return await figures_of(["node", str(_FILES / file), *map(str, words)])

    @asynccontextmanager
    async def node_server(self) -> AsyncIterator[str]:
        """The lab's server on node with four threads, for the length of the block; yields its URL."""
        async with Stage(quick=self.quick, runtime="node").server("--threads", "4") as server:
            yield server.url

    @asynccontextmanager
    async def bare_server(self) -> AsyncIterator[str]:
        """A node server that does nothing but reply, for the length of the block; yields its URL."""
        async with self.stage.serving("node", str(_BARE_SERVER)) as server:
            yield server.url


async def figures_of(command: list[str]) -> dict[str, Any]:
    """
    Raises:
        RuntimeError: it did not end with exit code 0.
    """
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"{' '.join(command[1:4])} ended with exit code {done.returncode}: {said}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Child:
    """A process that is told lines and answers with lines of JSON."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._heard = b""

    async def tell(self, line: str) -> None:
        await self._stdin.send_all(line.encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        """The next line.

        Raises:
            RuntimeError: the process ended instead.
        """
        while b"\n" not in self._heard:
            data = await self._stdout.receive_some()
            if not data:
                raise RuntimeError("a contestant ended before it answered; its own words are above")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, line: str) -> dict[str, Any]:
        await self.tell(line)
        return await self.hear()

    async def dismiss(self) -> None:
        """It ends when nobody can tell it anything any more."""
        await self._stdin.aclose()


@asynccontextmanager
async def talking(command: list[str]) -> AsyncIterator[Child]:
    """A child to talk with for the length of the block. Its standard input is its lifeline."""
    async with trio.open_nursery() as nursery:
        start = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False)
        process: trio.Process = await nursery.start(start)
        child = Child(process)
        try:
            yield child
            await child.dismiss()
            with trio.move_on_after(_STOP_TIME):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
