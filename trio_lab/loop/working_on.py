"""What the current task is working on, for the records of a watch."""

from __future__ import annotations

from contextvars import ContextVar

WORKING_ON: ContextVar[str | None] = ContextVar("trio_lab_working_on", default=None)
"""It is kept and logged, so set it to a method and a route, never to a query."""
