"""Two detectors beside each other: ``python -m trio_lab.subjects.two_detectors SECONDS SEED`` prints what they found.

A loop is blocked at random times for known lengths, with the naive lag detector and the watch of `observe` both on it.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass

import trio

from ..loop.lag_detector import Warned, open_lag_detector
from ..loop.observe import Watch, observe
from ..records.codec import encode

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """How long a block was, and how long each of the two said that it was. Seconds; None: it reported nothing."""

    length: float
    naive: float | None
    exact: float | None

    def told(self, who: str) -> float | None:
        """``who`` is naive or exact."""
        return self.naive if who == "naive" else self.exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """``strays`` counts alarms that belong to no block, by detector. ``blind``: why the watch did not see all."""

    blocks: tuple[Block, ...]
    strays: dict[str, int]
    blind: str | None


class _Told:
    """What each of the two has reported since the last call: its longest block, None when it reported nothing."""

    def __init__(self, warnings: list[Warned], watch: Watch) -> None:
        self._warnings, self._watch = warnings, watch
        self._warned = self._stalls = 0

    def __call__(self) -> tuple[float | None, float | None]:
        lags = [warning.lag for warning in self._warnings[self._warned :]]
        news = self._watch.statistics().stalls - self._stalls
        stalls = self._watch.stalls()[-news:] if news else []
        self._warned, self._stalls = self._warned + len(lags), self._stalls + news
        return max(lags, default=None), max((stall.duration for stall in stalls), default=None)


async def detected(seconds: float, seed: int) -> Detected:
    chance = random.Random(seed)
    blocks: list[Block] = []
    strays = {"naive": 0, "exact": 0}
    async with observe(budget=_BUDGET) as watch, open_lag_detector() as warnings:
        told = _Told(warnings, watch)
        until = trio.current_time() + seconds
        while trio.current_time() < until:
            await trio.sleep(chance.expovariate(1 / _MEAN_PAUSE))
            for who, stray in zip(strays, told(), strict=True):
                strays[who] += stray is not None
            length = _block(chance.choice(_LENGTHS))
            await trio.sleep(_SETTLE)
            naive, exact = told()
            blocks.append(Block(length=length, naive=naive, exact=exact))
        return Detected(blocks=tuple(blocks), strays=strays, blind=watch.blind)


if __name__ == "__main__":
    sys.stdout.write(encode(trio.run(detected, float(sys.argv[1]), int(sys.argv[2]))).decode() + "\n")
