"""The watch over a program that does not know that it is watched."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..loop.stalls import LineSample, Stall
from ..loop.watch import Watch

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


class QuietWatch(Watch):
    """A watch that does not log, because the log is the program's. Passes that our own reading made long are left out."""

    def _say(self, level: int, text: str, *parts: object, trace: bool = False) -> None:
        pass

    def _keep(self, found: Stall, samples: Sequence[LineSample] = ()) -> None:
        if not found.filename.startswith(_OURS):
            super()._keep(found, samples)
