"""What many idle connections cost: others' response time, and memory."""

from __future__ import annotations

from functools import partial

from ...errors import UsageError
from ...measure.process import resident_bytes
from ...records.benchmark import Goal
from ...stage.idle import idle_connections, possible
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..model import Benchmark, Measured

_COUNT = 5000
_KB_EACH = 20
_RATE, _CONNECTIONS = 200, 8
_TIME, _MEMORY = "beside none", f"{_KB_EACH} KB a connection"


async def _p99_ms(stage: Stage, server: Server, seconds: float) -> float:
    url = server.url + "/health?reset=0"
    found = await stage.load(url, connections=_CONNECTIONS, rate=_RATE, duration=seconds)
    return found.require_ok().latency.p99 * 1e3


async def _run(stage: Stage) -> Measured:
    if (count := possible(_COUNT)) < _COUNT:
        raise UsageError(f"{_COUNT} connections need more descriptors than are allowed here ({count}): ulimit -Hn")
    seconds = stage.seconds(5, quick=2)
    serve = partial(stage.server, "--keep-alive", "3600", "--workers", "1")
    async with serve() as crowded, serve() as alone:
        for server in (crowded, alone):
            await _p99_ms(stage, server, seconds)  # one-time costs are not measured
        before = resident_bytes(crowded.pid) or 0
        async with idle_connections(crowded.url, count) as held:
            each = ((resident_bytes(crowded.pid) or 0) - before) / count / 1024
            contestants: dict[str, Contestant[float]] = {
                "beside them": partial(_p99_ms, stage, crowded, seconds),
                _TIME: partial(_p99_ms, stage, alone, seconds),
            }
            p99 = await stage.in_turn(contestants, stage.rounds(5, quick=3))
            if (kept := held.alive()) < count:
                raise RuntimeError(f"the server closed {count - kept} of the connections")
    found = Measured.compared(p99, {_TIME: ("beside them", _TIME)}, "/health p99 {}, ms")
    return Measured(
        ratios={**found.ratios, _MEMORY: [each / _KB_EACH]}, figures={"KB a connection": each, **found.figures}
    )


BENCHMARK = Benchmark(
    name="idle-connections",
    order=9,
    question=f"How late is /health (p99) beside {_COUNT} idle connections, and how much memory does each take?",
    peers=(),
    ratios=(_TIME, _MEMORY),
    goals={_TIME: Goal(relation="<=", bound=1.3), _MEMORY: Goal(relation="<=", bound=1)},
    run=_run,
)
