"""Work made to measure: so much of it that a machine of any speed gets a given number done per second."""

from __future__ import annotations

from functools import partial

from ..cores import usable_cores
from ..stage.alone import alone
from ..stage.server import Server
from ..stage.stage import Stage
from ..stage.turns import Contestant
from ..subjects.bare import jobs_per_s

_TRIAL = 20_000  # rounds
_TRIALS = 5


async def least(server: Server, path: str, figure: str) -> float:
    """The smallest value of a figure in a route's reply, of several: what else ran in one of them only made it larger."""
    return min([float((await server.get(path))[figure]) for _ in range(_TRIALS)])


async def rounds_per_s(server: Server) -> float:
    """Rounds of one hash, on one core."""
    return _TRIAL / await least(server, f"/sync-hash?rounds={_TRIAL}", "durationMs") * 1e3


async def rounds_for(server: Server, *, per_second: float, threads: int) -> int:
    """So many rounds that ``threads`` on this machine's cores compute about ``per_second`` hashes a second."""
    return max(1, int(await rounds_per_s(server) * min(usable_cores(), threads) / per_second))


async def shares_of_bare(stage: Stage, url: str, *, clients: int, kind: str, count: int) -> list[float]:
    """The throughput of a route that hashes ÷ that of as many bare threads or processes (``kind``), in rounds."""
    seconds = stage.seconds(8, quick=2.5)

    async def ours() -> float:
        return (await stage.load(url, connections=clients, duration=seconds)).throughput

    bare = partial(alone, partial(jobs_per_s, kind, count, seconds))
    contestants: dict[str, Contestant[float]] = {"ours": ours, "bare": bare}
    rates = await stage.in_turn(contestants, stage.rounds(3, quick=2))
    return [mine / its for mine, its in zip(rates["ours"], rates["bare"], strict=True)]
