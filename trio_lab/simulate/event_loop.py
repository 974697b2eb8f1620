"""The event loop in front of a service: one server, through which every admitted request goes twice.

Half of its ``cost`` is due before the work begins, half when the work is done and its reply is sent; the request holds its
place for all that time. Refusals and callers that leave cost nothing here, so an overload in which many are lost is worse than
this shows.
"""

from __future__ import annotations

from ..admission.gate import ADMITTED, Place
from .service import Around, Service


class BehindLoop(Around):
    """``inner`` behind an event loop that needs ``cost`` seconds for each request."""

    def __init__(self, inner: Service, cost: float) -> None:
        super().__init__(inner)
        self._half = cost / 2
        self._free = inner.events.now  # when the loop has done all that it has to do so far
        self._begun: set[Place] = set()

    def start(self, place: Place, work: float) -> None:
        self.events.at(self._turn(), self._begin, (place, work))

    def stop(self, place: Place) -> None:
        if place in self._begun:
            self._begun.remove(place)
            self._inner.stop(place)

    def _turn(self) -> float:
        """When the loop will have done one more half."""
        self._free = max(self._free, self.events.now) + self._half
        return self._free

    def _begin(self, begun: tuple[Place, float]) -> None:
        place, work = begun
        if place.state is ADMITTED:  # else it was stopped
            self._begun.add(place)
            self._inner.start(place, work)

    def _worked(self, place: Place) -> None:
        self._begun.remove(place)
        self.events.at(self._turn(), self._done, place)

    def _done(self, place: Place) -> None:
        if place.state is ADMITTED:
            self.on_end(place)
