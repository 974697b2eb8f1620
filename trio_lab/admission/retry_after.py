"""How long a client that is refused is told to wait before it comes again: the header ``Retry-After``.

If all clients that are refused in one moment were told the same time, they would all come again in one moment. So each is
told a time of its own, drawn at random from the hint up to three times as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import random


def retry_after(hint: float = 1.0, draw: Callable[[], float] = random) -> int:
    """Whole seconds, as the header has them. ``hint`` is that of `Overloaded`."""
    least = max(1, math.ceil(hint))
    return least + int(draw() * (2 * least + 1))
