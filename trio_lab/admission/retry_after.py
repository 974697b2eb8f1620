"""What a client that is refused is told: which queue has refused it, and in the header ``Retry-After`` how long to wait before
it comes again.

If all clients that are refused in one moment were told the same time, they would all come again in one moment. So each is
told a time of its own, drawn at random from the hint up to three times as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import random

from ..errors import Overloaded


def retry_after(hint: float = 1.0, draw: Callable[[], float] = random) -> int:
    """Whole seconds, as the header has them. ``hint`` is that of `Overloaded`."""
    least = max(1, math.ceil(hint))
    return least + int(draw() * (2 * least + 1))


def refused_by(refusal: Overloaded) -> tuple[dict[str, str], dict[str, str]]:
    """The body, which is sent as JSON, and the headers of the 503 to a request that a queue has refused."""
    return {"error": str(refusal), "queue": refusal.queue}, {"Retry-After": str(retry_after(refusal.retry_after))}
