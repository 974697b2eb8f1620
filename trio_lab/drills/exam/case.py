"""A case of the exam: a service, the load of other clients, and the right verdict. All follows from a kind and a seed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from .plants import PLANTS, STEADY, Planted, two_faults

HEALTHY, TWO, CHANGING = "healthy", "two-faults", "changing-load"
KINDS = (*PLANTS, TWO, CHANGING)
"""All of them but the healthy ones."""
_QUART = "trio_lab.subjects.patients.quart_app:app"
_FACES = (
    (sys.executable, "-m", "trio_lab.subjects.patients.plain"),
    (sys.executable, "-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:0", _QUART),
)
_LOADS = (45.0, 130.0)  # requests a second
_TARGET = 0.6  # of the load that a service bears
_OTHERS = (0.0, 0.2)  # of that load, sent by another client in turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``kind`` is the name of a plant, or one of the kinds above. ``target`` is the load that the service has to bear,
    ``others`` the rates at which another client sends in turn."""

    kind: str
    seed: int
    command: tuple[str, ...]
    planted: Planted
    target: float | None = None
    others: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.seed}"


def case(kind: str, seed: int) -> Case:
    """The case of a kind with this seed; the same one every time."""
    random = Random(f"{kind} {seed}")
    load, face = random.uniform(*_LOADS), random.choice(_FACES)
    target: float | None = None
    others: tuple[float, ...] = ()
    if kind == TWO:
        planted = two_faults(random, load)
    elif kind in (HEALTHY, CHANGING):
        planted = PLANTS[random.choice(STEADY)](random, load)
        target = _TARGET * load if kind == HEALTHY else None
        others = tuple(share * load for share in _OTHERS) if kind == CHANGING else ()
    else:
        planted = PLANTS[kind](random, load)
    return Case(kind=kind, seed=seed, command=face, planted=planted, target=target, others=others)


def cases(kinds: Sequence[str], *, seeds: int, healthy: int) -> list[Case]:
    """A case of each kind for each seed, and so many healthy services, in a random order that is always the same."""
    found = [case(kind, seed) for kind in kinds for seed in range(1, seeds + 1)]
    found += [case(HEALTHY, seed) for seed in range(1, healthy + 1)]
    Random(1).shuffle(found)
    return found
