"""What the servers of all runtimes agree on: the bounds of what is asked, and the modes of a storm.

The server of every runtime named in `STORMS` serves the same routes with the same JSON. Both Python servers take these
figures from here; the server in JavaScript has its own copy, and the contract tests hold it to the same figures.
"""

from __future__ import annotations

# Bounds of the routes' parameters.
MAX_ROUNDS = 2_000_000
MAX_TICKS = 5_000_000
MAX_WAIT_MS = 10_000
MAX_FIB = 40  # a minute of pure Python

MAX_BODY = 1_000_000  # bytes; no route of the lab needs more
MAX_TARGET = 8_192  # bytes of path and query, as nginx and Apache have it
MAX_HEAD = 16_384  # bytes of all header lines

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
