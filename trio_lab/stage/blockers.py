"""Who blocked the loops of a stage's servers: the rows of their `/stalls`, added up by line and cause.

The worst is the line that blocked for the longest time in all. Where the machine gave the loop no CPU, no line is to blame, so
that counts only if there is nothing else. Node has no watch, so there is none for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import trio

from ..loop.stalls import NOT_RUNNING
from .server import Server

_PATIENCE = 2.0  # seconds for the reply: a naive server may have more to do than it can


@dataclass(slots=True, kw_only=True)
class Blocker:
    """A line and what it did, in milliseconds. ``label`` is the request of the longest stall."""

    where: str
    cause: str
    label: str | None
    count: int = 0
    total: float = 0.0
    longest: float = 0.0


class Blockers:
    """What several servers said."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Blocker] = {}
        self.told = False
        """Whether any of them did."""

    async def ask(self, server: Server) -> None:
        """Add what a server says before it ends. One that has ended, or does not answer, adds nothing."""
        if server.child.process.returncode is None:
            with suppress(OSError, trio.TooSlowError, ValueError, KeyError):
                self.add((await server.get("/stalls", timeout=_PATIENCE))["table"])

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self.told = True
        for row in rows:
            name = row["file"].rpartition("/")[2]
            where = f"{name}:{row['line']} in {row['function']}" if name else "not seen"
            found = self._found.setdefault(
                (where, row["cause"]), Blocker(where=where, cause=row["cause"], label=row["label"])
            )
            found.count += row["count"]
            found.total += row["total_ms"]
            if row["longest_ms"] > found.longest:
                found.longest, found.label = row["longest_ms"], row["label"]

    @property
    def worst(self) -> Blocker | None:
        """None if no pass was over the budget, or if nobody told."""
        return max(self._found.values(), key=lambda found: (found.cause != NOT_RUNNING, found.total), default=None)
