"""What a service does for a request, and what it does beside, as JSON in the environment variable `VARIABLE`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VARIABLE = "SERVICE"

Kind = Literal[
    "loop",  # the loop's own step
    "calls",  # very many short calls in one step
    "steps",  # ``places`` steps with a checkpoint after each
    "garbage",  # a collection over ``places`` thousands of objects
    "callbacks",  # ``places`` callbacks from a thread
    "gate",  # a place, held while what is ``inside`` goes on
    "threads",  # jobs in threads, behind a gate
    "default",  # jobs in Trio's default threads, of which there are ``places``
    "workers",  # jobs in worker processes
    "outward",  # calls to another process that serves ``places`` at a time
    "lock",  # a limiter that nobody looks at
    "poll",  # a task that asks again and again without waiting
    "crew",  # a gate with twice as many tasks as places, all of them busy all the time
]
How = Literal["wait", "python", "hash", "sort"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. ``ms`` is what it takes alone; ``how`` a job spends that. ``name`` is that of its queue, if it has one."""

    kind: Kind
    name: str = ""
    places: int = 1
    ms: float = 0.0
    how: How = "wait"
    inside: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription:
    """``request`` is done for each request, one after the other; ``beside`` all the time."""

    request: tuple[Part, ...]
    beside: tuple[Part, ...] = ()
