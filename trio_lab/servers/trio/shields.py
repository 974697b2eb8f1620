"""Work that a leaving client must not cancel, but the end of the server must."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Shields:
    """The shielded scopes that are open in a server."""

    def __init__(self) -> None:
        self._scopes: set[trio.CancelScope] = set()

    def __len__(self) -> int:
        return len(self._scopes)

    @contextmanager
    def shield(self, *, seconds: float = math.inf) -> Iterator[None]:
        """For so many seconds no cancellation from outside reaches the block, but for `cancel`."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + seconds) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

    def cancel(self) -> None:
        """Cancel all blocks that are shielded now."""
        for scope in self._scopes:
            scope.cancel()
