"""A limit that keeps the samples it gets."""

from __future__ import annotations

from trio_lab.admission.limits.limit import Limit, Sample


class Recorded(Limit):
    """It stays at ``initial`` until ``_set`` is called."""

    def __init__(self, initial: int = 1, *, highest: int = 10) -> None:
        super().__init__(initial, highest=highest)
        self.samples: list[Sample] = []
        self.next = initial

    def on_sample(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._set(self.next)
