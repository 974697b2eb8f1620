"""Jobs sized by a trial, so that an experiment means the same on a slow machine as on a fast one."""

from __future__ import annotations

from functools import partial

from ..cores import usable_cores
from ..diagnose.ratios import ratios
from ..stage.alone import alone
from ..stage.server import Server
from ..stage.stage import Stage
from ..stage.turns import Contestant
from ..subjects.bare import jobs_per_s

_TRIAL = 20_000  # rounds
_TRIALS = 5


async def least(server: Server, path: str, figure: str) -> float:
    """The smallest value of a figure in several replies of a route: other work on the machine only makes it larger."""
    return min([float((await server.get(path))[figure]) for _ in range(_TRIALS)])


async def rounds_per_s(server: Server) -> float:
    """How many rounds of a hash one core computes per second."""
    return _TRIAL / await least(server, f"/sync-hash?rounds={_TRIAL}", "durationMs") * 1e3


async def rounds_for(server: Server, *, per_second: float, threads: int) -> int:
    """The rounds of a hash of which ``threads`` compute about ``per_second`` on this machine's cores."""
    return max(1, int(await rounds_per_s(server) * min(usable_cores(), threads) / per_second))


async def shares_of_bare(stage: Stage, url: str, *, clients: int, kind: str, count: int) -> list[float]:
    """The throughput of a hashing route ÷ that of ``count`` bare threads or processes (``kind``), one ratio a round."""
    seconds = stage.seconds(8, quick=2.5)

    async def ours() -> float:
        return (await stage.load(url, connections=clients, duration=seconds)).throughput

    bare = partial(alone, partial(jobs_per_s, kind, count, seconds))
    contestants: dict[str, Contestant[float]] = {"ours": ours, "bare": bare}
    rates = await stage.in_turn(contestants, stage.rounds(3, quick=2))
    return ratios(rates["ours"], rates["bare"])
