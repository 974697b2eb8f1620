"""Two detectors beside each other: ``python -m trio_lab.subjects.two_detectors SECONDS SEED [--lifeline]``.

A loop is blocked at random times for known lengths. The naive lag detector and the watch of `observe` both look on. What
is printed is, for every block, how long it was and what each of them said of it (seconds, or null), and the alarms that
belong to no block.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import trio

from ..loop.lag_detector import LagDetector, open_lag_detector
from ..loop.observe import Watch, observe
from ..worker.lifeline import tie_life

_LENGTHS = (0.02, 0.08, 0.15, 0.3, 0.5)  # seconds; the first is under what either has to tell
_MEAN_PAUSE = 0.25
_SETTLE = 0.01  # seconds after a block in which a detector that was late has its turn
_BUDGET = 0.05


def _block(seconds: float) -> float:
    """Compute, on the loop, on purpose; returns how long it really was."""
    begun = time.perf_counter()
    while (spent := time.perf_counter() - begun) < seconds:
        pass
    return spent


class _Told:
    """What the two have said since they were last asked: the longest of each, None when one said nothing."""

    def __init__(self, detector: LagDetector, watch: Watch) -> None:
        self._detector, self._watch = detector, watch
        self._warnings = self._stalls = 0

    def __call__(self) -> tuple[float | None, float | None]:
        lags = [warning.lag for warning in self._detector.warnings[self._warnings :]]
        news = self._watch.statistics().stalls - self._stalls
        stalls = self._watch.stalls()[-news:] if news else []
        self._warnings, self._stalls = self._warnings + len(lags), self._stalls + news
        return max(lags, default=None), max((stall.duration for stall in stalls), default=None)


async def _blocks(seconds: float, chance: random.Random, told: Callable[[], Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    strays = [0, 0]
    until = trio.current_time() + seconds
    while trio.current_time() < until:
        await trio.sleep(chance.expovariate(1 / _MEAN_PAUSE))
        strays = [n + (said is not None) for n, said in zip(strays, told(), strict=True)]
        length = _block(chance.choice(_LENGTHS))
        await trio.sleep(_SETTLE)
        naive, exact = told()
        found.append({"length": length, "naive": naive, "exact": exact})
    return {"blocks": found, "strays": {"naive": strays[0], "exact": strays[1]}}


async def main(seconds: float, seed: int) -> None:
    async with observe(budget=_BUDGET) as watch, open_lag_detector() as detector:
        found = await _blocks(seconds, random.Random(seed), _Told(detector, watch))
        found["blind"] = watch.blind
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    if "--lifeline" in sys.argv:
        tie_life(0)
    trio.run(main, float(sys.argv[1]), int(sys.argv[2]))
