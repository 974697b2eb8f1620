"""What the servers of all runtimes agree on: the bounds of what is asked, and the modes of a storm.

The server of every runtime named in `STORMS` serves the same routes with the same JSON. Both Python servers take these
figures from here; the server in JavaScript has its own copy, and the contract tests hold it to the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Bounds of the routes' parameters.
MAX_ROUNDS = 2_000_000
MAX_TICKS = 5_000_000
MAX_WAIT_MS = 10_000
MAX_FIB = 40  # a minute of pure Python


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A query parameter that is a whole number from ``low`` to ``high``, both allowed."""

    default: int
    low: int
    high: int


Numbers = Mapping[str, Mapping[str, Number]]
"""Every numeric parameter that a server reads, by route and name. A handler can read no other (see `query.integer`), so
code that has to try them all finds them here."""

Choices = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Every parameter that is one of a few words, by route and name, as `Numbers`. The first word is the default."""

RESET = Number(default=1, low=0, high=1)
"""Of routes that tell what was measured: whether the measured window begins anew."""
_ROUNDS = Number(default=120_000, low=1, high=MAX_ROUNDS)
NUMBERS: Numbers = {
    "/health": {"reset": RESET},
    "/hash": {"rounds": _ROUNDS},
    "/sync-hash": {"rounds": _ROUNDS},
    "/worker-hash": {"rounds": _ROUNDS},
    "/tick-storm": {"count": Number(default=100_000, low=1, high=MAX_TICKS)},
    "/wait": {"ms": Number(default=20, low=0, high=MAX_WAIT_MS)},
    "/fib": {"n": Number(default=25, low=0, high=MAX_FIB)},
}

CHOICES: Choices = {
    "/wait": {"pool": ("own", "default")},
    "/fib": {"where": ("process", "thread", "loop")},
    "/lookup": {"host": ("localhost",)},  # the lab asks no name server
}
"""What all runtimes have in common; the modes of `/tick-storm` are in `STORMS`."""

MAX_BODY = 1_000_000  # bytes; no route of the lab needs more
BODY_TIMEOUT = 10.0  # seconds for the whole of such a body, in handlers that read it by Quart's own means
MAX_TARGET = 8_192  # bytes of path and query, as nginx and Apache have it
MAX_HEAD = 16_384  # bytes of all header lines

NOT_FOUND = "Not found: GET / lists the routes"

_ONLY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("/block", "/process-list", "/ingest", "/db", "/jobs"), ("trio",)),
    **dict.fromkeys(("/ledger", "/stalls", "/metrics"), ("trio", "asyncio")),
}


def lacking(runtime: str, path: str) -> str | None:
    """What a server says, with a 501, of a route that others have and its own runtime has not; None for any other path."""
    route = "/" + path.split("/", 2)[1]
    having = _ONLY.get(route, (runtime,))
    return None if runtime in having else f"{route} is not there on {runtime}: use --runtime {' or '.join(having)}"


# The methods that a server knows: it answers 405 where one is not allowed, and 501 to all others. They are case-sensitive.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"})

# Every mode of /tick-storm, and what it does to other tasks: "starves" (no other task runs before the storm is over),
# "shares" (other tasks run between any two ticks) or "crowds" (other tasks run, but only after many ticks). The first mode
# of a runtime is its default.
STORMS: dict[str, dict[str, str]] = {
    "trio": {
        "none": "starves",
        "if_cancelled": "starves",
        "shielded": "shares",
        "checkpoint": "shares",
        "run_sync_soon": "crowds",
        "batch": "crowds",
    },
    "asyncio": {
        "none": "starves",
        "queue_get": "starves",
        "done_future": "starves",
        "call_soon": "shares",
        "sleep0": "shares",
        "batch": "crowds",
    },
    "node": {
        "next_tick": "starves",
        "promise": "starves",
        "microtask": "starves",
        "set_immediate": "shares",
        "set_timeout": "shares",
    },
}
RUNTIMES = tuple(STORMS)
