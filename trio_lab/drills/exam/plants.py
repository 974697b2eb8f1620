"""What is planted: the parts of a service, made from random numbers, and the verdicts that are right.

Most plants can be made for a load: they answer about so many requests a second. So two of them can be put into one service, and
the one for the smaller load is the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ...subjects.patients.prescription import How, Part, Prescription

_NAMES = "abcdefghijklmnop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A fault in a service. The verdict is right if it has one of the ``findings``, and names ``queue`` as the first if that is
    not None. ``load`` is about how many requests a second it answers, None if only the machine can tell."""

    findings: tuple[str, ...]
    queue: str | None
    prescription: Prescription
    load: float | None = None


Plant = Callable[[Random, float], Planted]


def name(random: Random) -> str:
    """A name for a queue that does not tell what it is for."""
    return "".join(random.choices(_NAMES, k=6))


def _planted(
    finding: str, *request: Part, queue: str | None = None, load: float | None = None, beside: tuple[Part, ...] = ()
) -> Planted:
    prescription = Prescription(request=request, beside=beside)
    return Planted(findings=(finding,), queue=queue, prescription=prescription, load=load)


def _blocking_line(random: Random, load: float) -> Planted:
    hows: tuple[How, ...] = ("wait", "python", "hash", "sort")
    part = Part(kind="loop", ms=900 / load, how=random.choice(hows))
    return _planted("line_that_blocks", part, queue="run_queue", load=load)


def _starvation(random: Random, load: float) -> Planted:
    return _planted("starvation", Part(kind="calls", ms=900 / load), queue="run_queue", load=load)


def _small_steps(random: Random, load: float) -> Planted:
    return _planted("many_small_steps", Part(kind="steps", places=random.randint(150, 500)), queue="run_queue")


def _garbage(random: Random, load: float) -> Planted:
    return _planted("garbage_collection", Part(kind="garbage", places=random.randint(40, 120)), queue="run_queue")


def _callbacks(random: Random, load: float) -> Planted:
    return _planted("entry_queue", Part(kind="callbacks", places=random.randint(400, 1_000)), queue="run_queue")


def _busy_wait(random: Random, load: float) -> Planted:
    found = _few_threads(random, load)
    beside = (Part(kind="poll"),)
    return _planted("busy_wait", *found.prescription.request, beside=beside, load=load)


def _few_threads(random: Random, load: float) -> Planted:
    places, queue = random.randint(2, 6), name(random)
    part = Part(kind="threads", name=queue, places=places, ms=1e3 * places / load)
    return _planted("native_pool_too_small", part, queue=queue, load=load)


def _many_threads(random: Random, load: float) -> Planted:
    queue = name(random)
    part = Part(kind="threads", name=queue, places=random.randint(12, 24), ms=random.uniform(8, 20), how="hash")
    return _planted("native_pool_too_wide", part, queue=queue)


def _few_workers(random: Random, load: float) -> Planted:
    places = random.randint(1, 3)
    part = Part(kind="workers", places=places, ms=1e3 * places / load)
    return _planted("worker_pool_too_small", part, queue="worker_pool", load=load)


def _default_threads(random: Random, load: float) -> Planted:
    places = random.randint(4, 12)
    part = Part(kind="default", places=places, ms=1e3 * places / load)
    return _planted("default_limiter_shared", part, queue="default_limiter", load=load)


def _python_in_threads(random: Random, load: float) -> Planted:
    queue = name(random)
    part = Part(kind="threads", name=queue, places=random.randint(4, 8), ms=random.uniform(6, 15), how="python")
    return _planted("gil_hog", part)


def _slow_neighbour(random: Random, load: float) -> Planted:
    places, queue = random.randint(2, 6), name(random)
    part = Part(kind="outward", name=queue, places=places, ms=1e3 * places / load)
    return _planted("downstream_slow", part, queue=f"outward.{queue}", load=load)


def _busy_crew(random: Random, load: float) -> Planted:
    """A pool that requests do not use is always full; one that they use is too small."""
    found, beside = _few_threads(random, load), Part(kind="crew", name=name(random), places=random.randint(2, 8), ms=30)
    return _planted(found.findings[0], *found.prescription.request, queue=found.queue, load=load, beside=(beside,))


def _held_around(random: Random, load: float) -> Planted:
    """A place that is held while a request waits for a smaller pool within."""
    found = _few_threads(random, load)
    outer = Part(kind="gate", name=name(random), places=random.randint(15, 40), inside=found.prescription.request)
    return _planted(found.findings[0], outer, queue=found.queue, load=load)


def _unseen(random: Random, load: float) -> Planted:
    places = random.randint(1, 4)
    part = Part(kind="lock", places=places, ms=1e3 * places / load)
    return _planted("unseen_queue", part, load=load)


PLANTS: dict[str, Plant] = {
    "blocking-line": _blocking_line,
    "starvation": _starvation,
    "small-steps": _small_steps,
    "callbacks": _callbacks,
    "garbage": _garbage,
    "busy-wait": _busy_wait,
    "few-threads": _few_threads,
    "many-threads": _many_threads,
    "few-workers": _few_workers,
    "default-threads": _default_threads,
    "python-in-threads": _python_in_threads,
    "slow-neighbour": _slow_neighbour,
    "busy-crew": _busy_crew,
    "held-around": _held_around,
    "unseen": _unseen,
}
_CHAINED = ("blocking-line", "few-threads", "few-workers", "default-threads", "slow-neighbour", "unseen")
STEADY = ("blocking-line", "few-threads", "few-workers", "default-threads", "slow-neighbour", "held-around")


def two_faults(random: Random, load: float) -> Planted:
    """Two plants in one service, in either order. The second one limits it at 1.6 to 2.5 times the load of the first."""
    first, second = random.sample(_CHAINED, 2)
    found = PLANTS[first](random, load)
    parts = [*found.prescription.request, *PLANTS[second](random, load * random.uniform(1.6, 2.5)).prescription.request]
    if random.random() < 0.5:
        parts.reverse()
    return _planted(found.findings[0], *parts, queue=found.queue, load=load)
