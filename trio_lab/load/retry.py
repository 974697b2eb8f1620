"""Whether and when a request that failed is sent again: pure, and without a clock.

When many clients send a failed request again at once, they multiply the load just when the server can bear least. Two things
help. Waits that grow and are drawn by chance (`Backoff`) keep clients from coming back together. A budget, as in Finagle and
gRPC, keeps all retries together a share of the requests.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from trio_lab.backoff import Backoff
from trio_lab.errors import UsageError

_LONGEST = 3600.0  # seconds
_MOST = 1_000_000
# Retries that a budget saves up at most, and begins with: so the few failures of a quiet service are always sent again.
_SAVED = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """``most``: how often a request is sent again, after the first time. ``first``: seconds before that. With ``last`` the
    wait doubles each time up to that many seconds, and is drawn evenly from 0 to there; else it is always ``first``.
    ``budget``: retries for each request that is sent for the first time, all clients together.

    Raises:
        UsageError: a value is out of range.
    """

    most: int
    first: float = 0.0
    last: float | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.most <= _MOST:
            raise UsageError(f"retry must be from 1 to {_MOST}, got {self.most!r}")
        if not 0 <= self.first <= _LONGEST:
            raise UsageError(f"backoff must be from 0 to {_LONGEST:g}, got {self.first!r}")
        if self.last is not None and not 0 < self.first <= self.last <= _LONGEST:
            raise UsageError(
                f"backoff must grow from over 0 to at most {_LONGEST:g}, got {self.first!r} to {self.last!r}"
            )
        if self.budget is not None and not 0 < self.budget <= _MOST:
            raise UsageError(f"retry_budget must be over 0 and at most {_MOST}, got {self.budget!r}")

    def wait(self, tries: int, dice: random.Random) -> float:
        """Seconds before the next try of a request that was sent again ``tries`` times."""
        if self.last is None:
            return self.first
        return Backoff(first=self.first, last=self.last).wait(tries, dice)


class Retries:
    """What has been sent again in a run, and the decision whether more may be. Without a ``retry`` nothing is."""

    __slots__ = ("_dice", "_left", "denied", "retry", "sent")

    def __init__(self, retry: Retry | None, dice: random.Random) -> None:
        self.retry, self._dice = retry, dice
        self._left = _SAVED
        self.sent = 0
        self.denied = 0
        """Retries that the budget did not allow."""

    def begin(self) -> None:
        """A request was sent for the first time."""
        if self.retry is not None and self.retry.budget is not None:
            self._left = min(_SAVED, self._left + self.retry.budget)

    def next_wait(self, tries: int) -> float | None:
        """A request failed that was sent again ``tries`` times: seconds until it is sent again, or None if it is not."""
        retry = self.retry
        if retry is None or tries >= retry.most:
            return None
        if retry.budget is not None:
            if self._left < 1.0:
                self.denied += 1
                return None
            self._left -= 1.0
        return retry.wait(tries, self._dice)
