"""How a server ends, on both event loops: it stops at a signal, and hurries at the second or when its lab is lost."""

from __future__ import annotations

from typing import Any

from .app import LabApp


class End:
    """Two events of the app's loop. ``stop``: accept no connections. ``hurry``: the grace period is over."""

    def __init__(self, app: LabApp) -> None:
        self._lost = app.lost
        self.stop: Any = app.event_class()
        self.hurry: Any = app.event_class()

    def on_signal(self) -> None:
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()

    async def with_the_lab(self) -> None:
        """When the lab breaks down, end at once: it can serve no request that is in flight."""
        await self._lost.wait()
        self.stop.set()
        self.hurry.set()
