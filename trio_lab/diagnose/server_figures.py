"""What a server says of itself while it is loaded, as estimates: the figures of `FIGURES` whose side is the server's.

The loop's delay, the memory and the descriptors are counted by the server over the whole load, or read at every look: they
have no interval but themselves. The places of a pool are sampled, so theirs comes from slices of the looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ..records.health import Health
from ..records.queue import QueueStatistics
from ..records.slo import FIGURES, Estimate
from .interval import Interval
from .one_run import ratio_interval

_SLICES = 10
_NO_POOLS = ("run_queue", "accept_backlog")


def server_figures(looks: Sequence[Health], blind: str = "") -> tuple[Estimate, ...]:
    """The estimates of one load, from looks at `/health` in order of time, all within one window of the loop's figures.

    ``blind`` says why looks are missing; then nothing is known.
    """
    if blind or not looks:
        names = [name for name, figure in FIGURES.items() if figure.side == "server"]
        return tuple(_unknown(name, blind or "the load was too short to look") for name in names)
    return _loop_delay(looks), _pool(looks), _memory(looks), _descriptors(looks)


def _loop_delay(looks: Sequence[Health]) -> Estimate:
    passes = [look.loop.passes for look in looks if look.loop.passes is not None]
    if any(after < before for before, after in pairwise(passes)):
        return _unknown("loop_delay_p99", "another reader reset the window of /health meanwhile")
    late = looks[-1].loop.delay_p99
    if late is None:
        return _unknown("loop_delay_p99", looks[-1].loop.blind or "the server does not measure it")
    return _exact("loop_delay_p99", late * 1e3)


def _pool(looks: Sequence[Health]) -> Estimate:
    pools: dict[str, list[tuple[int, int]]] = {}
    for look in looks:
        for queue in look.queues:
            if (places := _places(queue)) is not None:
                pools.setdefault(queue.name, []).append(places)
    if not pools:
        return _unknown("pool", "the server has no pool with known places")
    name, seen = max(pools.items(), key=lambda pool: _share(pool[1]))
    share, interval = _share(seen), _interval(seen)
    if interval is None:
        return Estimate(figure="pool", unit="%", measured=share * 100, note=f"{name}, with too few looks at it")
    low, high = interval[0] * 100, min(100.0, interval[1] * 100)
    return Estimate(figure="pool", unit="%", measured=share * 100, low=low, high=high, note=name)


def _places(queue: QueueStatistics) -> tuple[int, int] | None:
    """Taken, and offered."""
    if queue.name in _NO_POOLS or queue.in_service is None or not queue.capacity:
        return None
    return queue.in_service, queue.capacity


def _share(seen: Sequence[tuple[int, int]]) -> float:
    return sum(taken for taken, _ in seen) / sum(places for _, places in seen)


def _interval(seen: Sequence[tuple[int, int]]) -> Interval | None:
    cuts = [round(len(seen) * number / _SLICES) for number in range(_SLICES + 1)]
    slices = [seen[begin:end] for begin, end in pairwise(cuts) if end > begin]
    taken = [sum(one for one, _ in part) for part in slices]
    return ratio_interval(taken, [sum(one for _, one in part) for part in slices])


def _memory(looks: Sequence[Health]) -> Estimate:
    shares = [
        look.process.memory / look.process.memory_limit
        for look in looks
        if look.process is not None and look.process.memory is not None and look.process.memory_limit
    ]
    return _exact("memory", max(shares) * 100) if shares else _unknown("memory", "the server does not tell it")


def _descriptors(looks: Sequence[Health]) -> Estimate:
    """Thirds, because pools and caches open some at first use, and because a connection more or less is no leak."""
    seen = [look.process.descriptors for look in looks if look.process and look.process.descriptors is not None]
    if (third := len(seen) // 3) == 0:
        return _unknown("descriptors", "fewer than three looks at them")
    first, last = median(seen[:third]), median(seen[-third:])
    return _exact("descriptors", (last / first - 1) * 100 if first else 0.0)


def _exact(name: str, measured: float) -> Estimate:
    return Estimate(figure=name, unit=FIGURES[name].unit, measured=measured, low=measured, high=measured)


def _unknown(name: str, why: str) -> Estimate:
    return Estimate(figure=name, unit=FIGURES[name].unit, note=why)
