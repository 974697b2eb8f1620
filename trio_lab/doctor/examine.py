"""The examination: the ramp's steps are carried out one after the other, and each is seen from outside and inside.

Load and probe run in processes of their own, so that a busy doctor does not delay what it measures. The probe asks a
cheap URL beside the load: if that waits too, the loop is blocked; if not, what waits is behind the loop.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import trio

from ..diagnose.alone import concurrency, service_time
from ..diagnose.diagnosis import highest_rate
from ..diagnose.saturation import saturation
from ..measure.cpu import CpuWindow
from ..records.conditions import Conditions
from ..records.examination import Examination, Sighting, Step
from ..records.health import Health
from ..records.load import LoadResult
from ..stage.load_step import began, pieces_of
from ..stage.loaders import Loaders
from ..stage.quiet import Watch
from .hold import SHARE, hold
from .ramp import Budget, Plan, next_step
from .service import Service

_LOOK_PERIOD = 0.1  # seconds between two looks inside
_PIECE = 0.05  # seconds
_PROBE_RATE, _PROBE_CONNECTIONS = 20.0, 20
_PATIENCE = 5.0  # seconds that a request waits, on top of ten times what one takes alone
_MOST_CONNECTIONS = 512
_HELD_REQUESTS = 400  # with fewer, a p99 has no upper end
_DISTURBED = 0.25  # of the cores, used by other programs
_ENDED = 0.5  # of the planned duration
_CORES = os.cpu_count() or 1

OnStep = Callable[[Plan], None]
Choose = Callable[[Sequence[Step], Budget, float], Plan | None]


@dataclass(slots=True, kw_only=True)
class Examiner:
    """Carries out a ramp. ``ours`` says that the service's processes are descendants of this one, and so it may be loaded at
    whatever address of this machine it listens; ``own_this`` that it is on another machine and may be loaded. ``path`` is what
    is asked for, ``probe`` the cheap path beside it. ``choose`` says which step comes next, and ``on_step`` is told it. With
    ``objectives`` a last load is held, for the figures that those are about."""

    service: Service
    ours: bool = False
    own_this: bool = False
    path: str = "/"
    probe: str = "/health"
    budget: Budget
    target: float | None = None
    objectives: bool = False
    choose: Choose = next_step
    on_step: OnStep = lambda plan: None
    steps: list[Step] = field(default_factory=list)
    _loaders: Loaders = field(default_factory=Loaders)

    async def run(self) -> Examination:
        """Carry out the whole ramp.

        Raises:
            UsageError: the load cannot be run here.
            ChildLost: it failed.
        """
        begun, stopped = trio.current_time(), None
        async with self._loaders.open():
            await self._loaders.ready(2)
            while plan := self.choose(self.steps, self.budget, trio.current_time() - begun):
                self.on_step(plan)
                step = await self._step(plan)
                self.steps.append(step)
                if (stopped := _why_ended(step, plan)) is not None:
                    break
        found = Examination(
            url=self.service.url + self.path,
            probe=self.service.url + self.probe,
            target=self.target,
            budget=self.budget.seconds,
            steps=tuple(self.steps),
            stopped=stopped,
        )
        return await self._held(found) if self.objectives and stopped is None else found

    @property
    def _may_load(self) -> bool:
        """Whether it may be loaded although its address is not loopback."""
        return self.ours or self.own_this

    async def _held(self, seen: Examination) -> Examination:
        """The same with the figures for objectives, at the target or at a load that the service bears."""
        saturated = saturation(seen.steps, concurrency=concurrency(seen))
        rate = self.target or SHARE * (saturated.load if saturated else highest_rate(seen))
        if not rate:
            return seen
        seconds = max(self.budget.hold, min(2 * self.budget.hold, _HELD_REQUESTS / rate))
        self.on_step(Plan(part="hold", rate=rate, duration=seconds))
        figures = await hold(
            self.service,
            self.path,
            self._loaders,
            rate=rate,
            seconds=seconds,
            patience=_PATIENCE + 10 * (service_time(seen) or 0.0),
            own_this=self._may_load,
        )
        return replace(seen, held=rate, figures=figures)

    async def _step(self, plan: Plan) -> Step:
        looks: list[tuple[float, Health]] = []
        watch, cpu = Watch(), CpuWindow()
        result: LoadResult | None = None
        begun = trio.current_time()
        probed: list[float | None] = []
        async with trio.open_nursery() as looking:
            looking.start_soon(self._look, looks)
            async with trio.open_nursery() as probing:
                probing.start_soon(self._probe, plan.duration, probed)
                if plan.part == "rest":
                    await trio.sleep(plan.duration)
                else:
                    result, begun = await self._load(plan)
            looking.cancel_scope.cancel()
        sightings = [Sighting(at=at - begun, health=health) for at, health in looks if at >= begun]
        step = Step(
            part=plan.part,
            round=plan.round,
            nominal=plan.nominal,
            rate=plan.rate,
            clients=plan.clients,
            duration=plan.duration,
            probe=probed[0] if probed else None,
            sightings=tuple(sightings),
        )
        step = step if result is None else _with(step, result)
        conditions = watch.conditions()
        step = replace(step, clean=not self._disturbed(conditions, step))
        if self.own_this:
            return step
        stolen = None if conditions.stolen is None else conditions.stolen * _CORES
        return replace(step, free_cores=cpu.free_cores(), stolen=stolen)

    async def _load(self, plan: Plan) -> tuple[LoadResult, float]:
        """Run the load of a plan, and when it began. That is known only from when it ended and how long it took."""
        alone = next((step.p50 for step in self.steps if step.part == "ladder" and step.p50), 0.0)
        connections = plan.clients
        if plan.rate is not None:
            connections = min(_MOST_CONNECTIONS, math.ceil(plan.rate * (0.5 * plan.duration + 4 * alone)) + 16)
        asked = trio.current_time()
        result = await self._loaders.load(
            {
                "url": self.service.url + self.path,
                "connections": connections,
                "duration": plan.duration,
                "rate": plan.rate,
                "timeout": _PATIENCE + 10 * alone,
                "interval": _PIECE,
                "own_this": self._may_load,
            }
        )
        return result, began(asked, trio.current_time(), result)

    async def _probe(self, duration: float, found: list[float | None]) -> None:
        result = await self._loaders.load(
            {
                "url": self.service.url + self.probe,
                "connections": _PROBE_CONNECTIONS,
                "duration": duration,
                "rate": _PROBE_RATE,
                "timeout": _PATIENCE,
                "keep_samples": True,
                "own_this": self._may_load,
            }
        )
        if result.requests.completed:
            found.append(median(latency for _, latency in result.samples or ((0.0, 0.0),)))

    async def _look(self, looks: list[tuple[float, Health]]) -> None:
        while True:
            if (health := await self.service.sample()) is not None:
                looks.append((trio.current_time(), health))
            await trio.sleep(_LOOK_PERIOD)

    def _disturbed(self, conditions: Conditions, step: Step) -> bool:
        """Whether other programs used the CPU, or the host of the virtual machine took it. A server that is not our child
        counts among the others, unless it says what it used."""
        others = conditions.others
        if not self.own_this and (conditions.stolen or 0.0) > _DISTURBED:
            return True
        if others is None:
            return False
        if self.ours:
            return others > _DISTURBED
        usages = [seen.health.usage for seen in step.sightings if seen.health.usage is not None]
        if len(usages) < 2:
            return False
        first, last = usages[0], usages[-1]
        seconds = max(1e-9, last.elapsed - first.elapsed)
        used = last.cpu - first.cpu + (last.children_cpu or 0.0) - (first.children_cpu or 0.0)
        return others - used / seconds / _CORES > _DISTURBED


def _with(step: Step, result: LoadResult) -> Step:
    """The step with the results of its load."""
    return replace(
        step,
        duration=result.duration,
        pieces=pieces_of(result),
        p50=_number(result.latency.p50),
        service=_number(result.service.p50),
        status=result.status,
        bottleneck=result.generator.bottleneck,
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _why_ended(step: Step, plan: Plan) -> str | None:
    """Why nothing can be measured after this step; None if all is well. A load to which nothing listens ends at once."""
    if step.part == "rest":
        return None
    if step.part != "ladder":
        return "the service accepts no connections any more" if step.duration < _ENDED * plan.duration else None
    if any(piece.ok for piece in step.pieces):
        return None
    if step.status:
        replies = ", ".join(f"{count} × {status}" for status, count in step.status.items())
        return f"no request was answered with 2xx or 3xx: {replies}"
    return "no request was answered"
