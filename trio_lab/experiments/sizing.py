"""Jobs sized by a trial, so that an experiment means the same on a slow machine as on a fast one; and how long it takes."""

from __future__ import annotations

from ..cores import usable_cores
from ..diagnose.interval import LEAST
from ..stage.server import Server
from ..stage.stage import Stage

_STOCK_THREADS = 4  # the default
_STOCK_PER_S = 40  # replies: few enough that the requests themselves cost little beside the hashes
_TRIAL = 20_000  # rounds
_TRIALS = 5
_STARTED = 1.4  # seconds that a server takes to start, to answer once, and to end


async def least(server: Server, path: str, figure: str) -> float:
    """The smallest value of a figure in several replies of a route: other work on the machine only makes it larger."""
    return min([float((await server.get(path))[figure]) for _ in range(_TRIALS)])


async def rounds_per_s(server: Server) -> float:
    """How many rounds of a hash one core computes per second."""
    return _TRIAL / await least(server, f"/sync-hash?rounds={_TRIAL}", "durationMs") * 1e3


async def rounds_of(server: Server, seconds: float) -> int:
    """The rounds of a hash that keeps one core busy for so many seconds."""
    return max(1, int(await rounds_per_s(server) * seconds))


async def rounds_for(server: Server, *, per_second: float, threads: int) -> int:
    """The rounds of a hash of which ``threads`` compute about ``per_second`` on this machine's cores."""
    return max(1, int(await rounds_per_s(server) * min(usable_cores(), threads) / per_second))


async def hash_path(stage: Stage, *, per_second: float, threads: int) -> str:
    """The path of such a hash. It is the same in every round."""

    async def sized() -> str:
        async with stage.server("--threads", str(threads)) as server:
            return f"/hash?rounds={await rounds_for(server, per_second=per_second, threads=threads)}"

    return await stage.first("path", sized)


async def stock_path(stage: Stage) -> str:
    """The path of a hash of which a server with the stock settings computes about 40 a second on this machine."""
    return await hash_path(stage, per_second=_STOCK_PER_S, threads=_STOCK_THREADS)


def expected(*, load: float, servers: int) -> float:
    """Seconds that a quick run takes: in each round ``load`` seconds of load, on ``servers`` servers of their own."""
    return round(LEAST * (load + _STARTED * servers))
