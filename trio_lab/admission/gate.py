"""The gate: it decides who is served now, who waits, and who is refused.

It is pure: time is an argument, and no event loop is imported. Each operation decides at once and returns `Decision`s
about callers that had to wait. The owner of the event loop wakes these callers: `on_trio`, `on_asyncio`, or a simulator
that has no event loop at all. A caller that is refused on arrival gets an exception.

What it guarantees, at every moment:

- at most ``capacity`` places are out (after the gate has shrunk: as soon as enough of them are given back), and at most
  ``max_waiting`` callers wait;
- callers are admitted in the order of the discipline, by default that of `ByPatience`;
- no caller waits while a place is free;
- no caller is admitted at or after its deadline, even if the loop was late and its timer has not run;
- a place that was given is out until it is given back, exactly once;
- ``arrivals = completions + rejected + timed_out + cancelled + in_service + waiting``;
- the cost of an operation does not depend on how many callers wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from ..errors import Closed, QueueFull
from ..preconditions import require_count, require_timeout
from ..records.queue import QueueStatistics
from .choice import Chosen
from .limits.choice import ChosenLimit, make_limit
from .limits.limit import Limit, Outcome, Sample
from .tally import Tallies
from .waiting_room import Entry, Refusal, WaitingRoom


class PlaceState(Enum):
    """The states of a place. The values complete the sentence "a place that …" in errors."""

    WAITING = "is still waited for"
    ADMITTED = "is out"
    LEFT = "was given back already"
    REFUSED = "was refused"
    ABANDONED = "was abandoned by its caller"

    __hash__ = object.__hash__  # Enum's is written in Python, and each move looks its state up in `NEXT`


WAITING, ADMITTED, LEFT, REFUSED, ABANDONED = PlaceState
SUCCESS = Outcome.SUCCESS

# Which states may follow which. A new place begins as WAITING or, where there is room, as ADMITTED.
NEXT: dict[PlaceState, frozenset[PlaceState]] = {
    WAITING: frozenset({ADMITTED, REFUSED, ABANDONED}),
    ADMITTED: frozenset({LEFT, ABANDONED}),
    LEFT: frozenset(),
    REFUSED: frozenset(),
    ABANDONED: frozenset(),
}


class Place(Entry):
    """One caller's place: asked for, given, given back."""

    __slots__ = ("caller", "caller_gone", "gate", "state")

    gate: Gate
    state: PlaceState
    caller_gone: bool
    """Whether its caller has left while it was out."""
    caller: Any
    """For the owner of the event loop: what it needs to wake the caller. The gate does not use it."""

    @property
    def waited(self) -> float:
        """Seconds spent in the queue before the place was given."""
        return self.entered - self.arrived


Decision = tuple[Place, Exception | None]
"""A place whose caller waits no longer and is to be woken: it is admitted (None), or refused with this error."""


class Gate:
    """Bounded admission to something of ``capacity`` places.

    Args:
        name: the name of the queue in errors and statistics.
        capacity: places that may be out at once; with 0 every caller waits (see `resize`).
        max_waiting: callers that may wait at once, None for no bound.
        queue_timeout: seconds that each caller may wait, None for no bound.
        discipline: the order of service, by name or one of `disciplines` that belongs to this gate alone. By default
            patience is learned: see `by_patience`.
        limit: "adaptive", or one of `limits` that belongs to this gate alone: what the capacity follows from where it begins.

    Times are seconds on one clock that never goes back. It begins at 0, or where `restart` says.
    """

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        max_waiting: int | None = None,
        queue_timeout: float | None = None,
        discipline: Chosen[Place] = None,
        limit: ChosenLimit = None,
    ) -> None:
        require_count("capacity", capacity, low=0)
        if max_waiting is not None:
            require_count("max_waiting", max_waiting, low=0)
        require_timeout("queue_timeout", queue_timeout)
        self.name = name
        self.max_waiting = max_waiting
        self.queue_timeout = queue_timeout
        self.in_service = 0
        """Places that are out."""
        self._capacity = capacity
        self.limit = make_limit(limit, capacity)
        """What adapts the capacity; None if it stays."""
        if self.limit is not None:
            self._capacity = self.limit.limit
        self._tallies = Tallies()
        self._room = WaitingRoom[Place](name, max_waiting=max_waiting, discipline=discipline, tallies=self._tallies)
        self._learner = self._room.learner
        self._closed = False
        self._changed = 0.0
        self._busy_seconds = self._offered_seconds = 0.0  # integrals over time of places out, and of capacity

    @property
    def capacity(self) -> int:
        """Places that may be out at once."""
        return self._capacity

    @property
    def waiting(self) -> int:
        """Callers in the queue."""
        return self._room.count

    @property
    def has_room(self) -> bool:
        """Whether the next caller is served or may wait."""
        return self.max_waiting is None or self._room.count < self.max_waiting or self.in_service < self._capacity

    def turn_away(self, kind: str) -> QueueFull:
        """Count a caller that its owner refuses without asking the gate. Returns what to tell it."""
        tally = self._tallies[kind]
        tally.arrivals += 1
        tally.rejected += 1
        return QueueFull(self.name)

    def try_enter(self, now: float, kind: str = "", priority: int = 0) -> Place | None:
        """A place for a caller that will not wait; None if no place is free. Raises `Closed`."""
        if self._closed:
            raise Closed(self.name)
        if self.in_service >= self._capacity:  # nobody waits beside a free place
            return None
        place = Place(kind, priority, now, None)
        place.gate = self
        place.caller_gone = False
        place.state = ADMITTED
        self._tallies[kind].arrivals += 1
        self._account(now)
        self.in_service += 1
        return place

    def arrive(self, now: float, kind: str = "", priority: int = 0, queue_timeout: float | None = None) -> Place:
        """A caller comes. Its place is ADMITTED, or WAITING until an operation returns a decision about it.

        Raises:
            QueueFull: ``max_waiting`` callers wait already.
            Closed: the gate is closed.
        """
        if queue_timeout is None:
            queue_timeout = self.queue_timeout
        else:
            require_timeout("queue_timeout", queue_timeout)
        if self.in_service < self._capacity or self._closed:
            place = self.try_enter(now, kind, priority)
            assert place is not None
            return place
        place = Place(kind, priority, now, queue_timeout)
        place.gate = self
        place.caller_gone = False
        place.state = WAITING
        self._room.add(place, self._room.count)
        return place

    def leave(
        self, place: Place, now: float, outcome: Outcome = SUCCESS, loop_delay: float = 0.0
    ) -> Sequence[Decision]:
        """A place is given back. An adaptive limit learns from it: see `Sample`.

        Raises:
            RuntimeError: it was given back before, was never given, or is another gate's.
        """
        if place.state is not ADMITTED or place.gate is not self:  # as `_move`, written out for speed
            raise self._misused(place, "given back")
        place.state = LEFT
        self._account(now)
        self.in_service -= 1
        self._tallies[place.kind].complete(place.entered - place.arrived, now - place.entered)
        if self._learner is not None:
            if place.caller_gone:
                self._learner.ran(place, now - place.entered)
            else:
                self._learner.served(place, now, now - place.entered)
        if self.limit is not None:
            self._adapt(self.limit, place, now, outcome, loop_delay)
        return self._hand_out(now) if self._room.count else ()

    def caller_left(self, place: Place, now: float, *, was_told: bool = False) -> None:
        """The caller has left while its place is out, which is given back later. Nothing is decided; it is learned from. If it
        ``was_told`` that its service takes too long, it has stayed until now."""
        if place.state is ADMITTED and not place.caller_gone:
            place.caller_gone = True
            if self._learner is not None:
                (self._learner.stayed if was_told else self._learner.left)(place, now)

    def abandon(self, place: Place, now: float) -> Sequence[Decision]:
        """A caller left without being served: while it waited, or after it was admitted but before it learned of that.

        It is counted as timed out if its deadline has passed, else as cancelled. If it was refused meanwhile, or was
        abandoned before, nothing changes.
        """
        if place.state is REFUSED or place.state is ABANDONED:
            return ()
        was_out = place.state is ADMITTED
        self._move(place, ABANDONED)
        if not was_out:
            self._room.remove(place, now)
            return ()
        self._tallies[place.kind].give_up(timed_out=place.deadline <= now)
        if self._learner is not None and not place.caller_gone:
            self._learner.left(place, now)
        self._account(now)
        self.in_service -= 1
        return self._hand_out(now)

    def resize(self, capacity: int, now: float) -> Sequence[Decision]:
        """Change the number of places at once. Places that are out stay out until they are given back.

        Raises:
            ValueError: the limit is adaptive; it changes the number by itself.
        """
        require_count("capacity", capacity, low=0)
        if self.limit is not None:
            raise ValueError(f"{self.name} cannot be resized: its limit is adaptive")
        self._account(now)
        self._set_capacity(capacity)
        return self._hand_out(now)

    def follow_limit(self, now: float) -> Sequence[Decision]:
        """Take the capacity that an adaptive limit has now, if it may have changed by itself, without a sample."""
        if self.limit is None or self.limit.limit == self._capacity:
            return ()
        self._account(now)
        self._set_capacity(self.limit.limit)
        return self._hand_out(now)

    def expire(self, now: float) -> Sequence[Decision]:
        """Refuse the callers whose deadline has passed."""
        refusals: list[Refusal[Place]] = []
        self._room.expire(now, refusals)
        return self._refuse(refusals)

    def next_deadline(self) -> float:
        """When `expire` will have something to do; infinite when never."""
        return self._room.next_deadline()

    def close(self) -> Sequence[Decision]:
        """Refuse all callers that wait or come later, with `Closed`. Places that are out may still be given back."""
        self._closed = True
        return self._refuse([(place, Closed(self.name)) for place in self._room.clear()])

    def restart(self, now: float) -> None:
        """From here on another clock is used, which shows ``now``. The time between the two clocks is not counted."""
        self._changed = now

    def kinds(self) -> list[str]:
        """The kinds of callers that have come."""
        return sorted(self._tallies)

    def statistics(self, now: float | None = None, kind: str | None = None) -> QueueStatistics:
        """The queue at ``now`` (None: at its last change), with counts since it was made.

        ``utilization`` is the share of place-time (capacity × time) in which places were out. With a ``kind`` the counts
        and histograms are those of that kind alone; the state is that of the whole queue.
        """
        if now is not None:
            self._account(now)
        return replace(
            self._tallies.statistics(self.name, kind),
            capacity=self._capacity,
            in_service=self.in_service,
            waiting=self._room.count,
            max_waiting=self.max_waiting,
            peak_waiting=self._room.peak,
            utilization=self._busy_seconds / self._offered_seconds if self._offered_seconds else 0.0,
        )

    def place_time(self, now: float) -> tuple[float, float]:
        """Seconds of place-time (capacity × time) up to ``now``: those in which places were out, and all."""
        self._account(now)
        return self._busy_seconds, self._offered_seconds

    def _hand_out(self, now: float) -> Sequence[Decision]:
        """Fill the places that are free. The time until ``now`` has been accounted for."""
        decisions: list[Decision] = []
        refusals: list[Refusal[Place]] = []
        while self.in_service < self._capacity and (place := self._room.take(now, refusals)) is not None:
            self._move(place, ADMITTED)
            place.entered = now
            self.in_service += 1
            decisions.append((place, None))
        return [*decisions, *self._refuse(refusals)] if refusals else decisions

    def _adapt(self, limit: Limit, place: Place, now: float, outcome: Outcome, loop_delay: float) -> None:
        waited, served, flight = place.entered - place.arrived, now - place.entered, self.in_service + 1
        limit.on_sample(
            Sample(now=now, waited=waited, served=served, in_flight=flight, outcome=outcome, loop_delay=loop_delay)
        )
        if limit.limit != self._capacity:
            self._set_capacity(limit.limit)

    def _set_capacity(self, capacity: int) -> None:
        self._capacity = capacity

    def _refuse(self, refusals: Sequence[tuple[Place, Exception]]) -> Sequence[Decision]:
        for place, _ in refusals:
            self._move(place, REFUSED)
        return refusals

    def _move(self, place: Place, to: PlaceState) -> None:
        if to not in NEXT[place.state] or place.gate is not self:
            raise self._misused(place, to.name.lower())
        place.state = to

    def _misused(self, place: Place, wish: str) -> RuntimeError:
        if place.gate is not self:
            return RuntimeError(f"{self.name}: a place of {place.gate.name} cannot be {wish} here")
        return RuntimeError(f"{self.name}: a place that {place.state.value} cannot be {wish}")

    def _account(self, now: float) -> None:
        elapsed = now - self._changed
        self._changed = now
        busy, capacity = self.in_service, self._capacity
        self._busy_seconds += elapsed * busy
        self._offered_seconds += elapsed * (capacity if capacity > busy else busy)
