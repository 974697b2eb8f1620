"""What a service with known queues would look like under a ramp: steps as the doctor records them, by arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from trio_lab.records.examination import Examination, Piece, Sighting, Step
from trio_lab.records.health import Health, Loop, StallFigures, ThreadCounts, Usage, WorkerCounts
from trio_lab.records.queue import QueueStatistics
from trio_lab.records.summary import Summary

from .ramps import NOMINAL


@dataclass(frozen=True, kw_only=True)
class Tank:
    """A queue: of what is too much, ``share`` gathers in it from ``after`` seconds on, until ``room`` is full. ``always``
    wait at any load. ``slower`` is its service time under too much load ÷ that without."""

    share: float = 0.0
    room: float = 1e9
    after: float = 0.0
    always: int = 0
    slower: float = 1.0
    capacity: int | None = 4
    refuses: bool = False
    in_service_grows: bool = False


@dataclass(frozen=True, kw_only=True)
class Sick:
    """A service that answers at most ``limit`` requests a second."""

    queues: Mapping[str, Tank]
    limit: float = 100.0
    busy: Callable[[float], float] = lambda share: 0.1
    usage: Callable[[float, float], Usage] | None = None
    passes: int = 10
    longest: float = 0.001
    stalls: tuple[StallFigures, ...] | None = None
    blind: bool = False

    def step(self, rate: float, *, part: str = "ramp", nominal: float | None = None, number: int = 0) -> Step:
        seconds, answered = 1.0, min(rate, self.limit)
        pieces = tuple(
            Piece(at=at / 10, ok=round(answered / 10 * (at + 1)) - round(answered / 10 * at), failed=0)
            for at in range(10)
        )
        sightings = tuple(Sighting(at=at / 10, health=self.health(rate, at / 10)) for at in range(11))
        return Step(
            part=part,  # type: ignore[arg-type]
            round=number,
            nominal=nominal,
            rate=rate,
            duration=seconds,
            pieces=pieces,
            p50=0.04,
            service=0.04,
            probe=0.003,
            sightings=() if self.blind else sightings,
        )

    def health(self, rate: float, at: float) -> Health:
        return Health(
            runtime="trio",
            event_loop_mean_ms=0,
            event_loop_max_ms=0,
            threads=4,
            pool=WorkerCounts(workers=1, busy=0, queued=0, restarts=0),
            native_pool=ThreadCounts(threads=4, busy=0, abandoned=0, queued=0),
            loop=Loop(
                mean=0.001,
                p50=0.0005,
                p99=0.002,
                max=self.longest,
                utilization=self.busy(rate / self.limit),
                passes=self.passes,
                blind=None,
            ),
            profile="guarded",
            queues=tuple(self.queue(name, tank, rate, at) for name, tank in self.queues.items()),
            usage=None if self.usage is None else self.usage(rate / self.limit, at),
            stalls=self.stalls,
        )

    def queue(self, name: str, tank: Tank, rate: float, at: float) -> QueueStatistics:
        excess = max(0.0, rate - self.limit) * tank.share
        inside = round(min(tank.room, excess * max(0.0, at - tank.after)))
        served = 0.04 * (tank.slower if rate > self.limit else 1.0)
        count = round(1000 + at * min(rate, self.limit))
        summary = Summary(
            count=count,
            mean=served * (count - 1000) / count,
            p50=served,
            p90=served,
            p99=served,
            p99_9=served,
            max=served,
        )
        grows = tank.in_service_grows
        return QueueStatistics(
            name=name,
            capacity=tank.capacity,
            in_service=2 + (inside if grows else 0),
            waiting=tank.always + (0 if grows or tank.refuses else inside),
            rejected=inside if tank.refuses else 0,
            timed_out=0,
            cancelled=0,
            service=summary,
        )

    def examination(self, *, rounds: int = 4, target: float | None = None) -> Examination:
        rest = replace(self.step(0.0, part="rest"), pieces=())
        ladder = Step(
            part="ladder",
            clients=1,
            duration=0.7,
            pieces=(Piece(at=0.0, ok=17, failed=0),),
            p50=0.04,
            service=0.04,
            probe=0.003,
        )
        calm = self.step(0.35 * self.limit, part="calm")
        ramp = [
            self.step(self.limit * nominal, nominal=nominal, number=number)
            for number in range(rounds)
            for nominal in NOMINAL
        ]
        return Examination(
            url="http://localhost/", probe="/health", budget=60.0, target=target, steps=(rest, ladder, calm, *ramp)
        )
