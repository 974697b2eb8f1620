"""What the current task is working on, for the records of a watch."""

from __future__ import annotations

from contextvars import ContextVar

WORKING_ON: ContextVar[object] = ContextVar("trio_lab_working_on", default=None)
"""A text, or an object whose `str` is read when a stall is recorded. It is kept and logged, so it must be a method and a route,
never a query."""


def text_of(label: object) -> str | None:
    """What a task had set `WORKING_ON` to, as a text. A label whose `str` raises costs neither the stall nor the watch."""
    try:
        return None if label is None else str(label)
    except Exception as fault:  # of the program's own code
        return f"a label that cannot be read ({type(fault).__name__})"
