"""Some routes block the loop because that is what they are for. The log says so.

A pass that was late for another reason (garbage, another thread, a stopped process) is not the route's doing, and is logged
as in any program.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..loop.stalls import BLOCKING_CALL, C_CALL, ENTRY_QUEUE, PYTHON, SMALL_STEPS, Stall

_ROUTES = frozenset(
    ("GET /sync-hash", "GET /fib", "GET /tick-storm", "GET /block/<kind>", "GET /process-list", "POST /ingest")
)
_CAUSES = (PYTHON, C_CALL, BLOCKING_CALL, SMALL_STEPS, ENTRY_QUEUE)
_log = logging.getLogger("trio_lab.stalls")


@contextmanager
def stalls_explained() -> Iterator[None]:
    """Within the block a stall of such a route is logged as ``blocked on purpose: …``."""
    _log.addFilter(_mark)
    try:
        yield
    finally:
        _log.removeFilter(_mark)


def _mark(record: logging.LogRecord) -> bool:
    match record.args:
        case (Stall(label=label, cause=cause), *_) if label in _ROUTES and cause in _CAUSES:
            record.msg = f"blocked on purpose: {record.msg}"
    return True
