"""Measures one experiment in rounds, until its outcome is decided. In each round its runtimes take turns.

After a round that other programs disturbed so much that it does not count, the next one waits for a quiet moment: most
neighbours compute in bursts. All waits together take at most half as long as the rounds so far.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import trio

from ..diagnose.ratios import order_of_round
from ..errors import first_of, in_a_line
from ..records.conditions import Conditions
from ..records.figures import require_all
from ..records.result import ExperimentResult
from ..stage.quiet import Watch, wait_quiet
from ..stage.stage import Stage
from ..stage.track import Track
from .model import Collected, Experiment
from .rounds import Round, another, so_far
from .show import Show
from .verdict import result_of

_WAITS = 0.5  # of the time that the rounds have taken, at most


async def in_turn(
    experiment: Experiment, stages: dict[str, Stage], least: int, show: Show
) -> dict[str, ExperimentResult]:
    """The result of every runtime."""
    taken: dict[str, list[Round]] = {runtime: [] for runtime in stages}
    spent = dict.fromkeys(stages, 0.0)
    waited = 0.0
    number, going = 0, list(stages)
    named = is_named(stages)
    async with AsyncExitStack() as keeping:
        for stage in stages.values():
            await keeping.enter_async_context(_keeping(stage))
        while going:
            for runtime in order_of_round(going, number):
                stage = stages[runtime]
                stage.round = number
                which = f"round {number + 1} of {least}" if number < least else f"round {number + 1}, not decided yet"
                stage.on_phase = partial(show.phase, f"{runtime}, " * named + which)
                if taken[runtime] and taken[runtime][-1].conditions.disturbance == "much":
                    stage.on_phase("waiting for a quiet moment")
                    waited += await wait_quiet(_WAITS * sum(spent.values()) - waited)
                stage.on_phase("")
                began = trio.current_time()
                taken[runtime].append(await _round(experiment, stage))
                spent[runtime] += trio.current_time() - began
                show.round(
                    f"{runtime}: " * named + so_far(experiment.checks, taken[runtime]), _left(taken, spent, least)
                )
            number += 1
            going = [runtime for runtime in going if another(experiment.checks, taken[runtime], least=least)]
    return {
        runtime: result_of(
            experiment, taken[runtime], runtime=runtime, duration=spent[runtime], notes=stage.told_notes()
        )
        for runtime, stage in stages.items()
    }


@asynccontextmanager
async def _keeping(stage: Stage) -> AsyncIterator[None]:
    """The stage's `keeping`. A server that ends badly when the rounds are over is noted, because their figures are there: one
    that ended before has failed its round."""
    over = False
    try:
        async with stage.keeping():
            yield
            over = True
    except Exception as error:
        if not over:
            raise
        stage.notes.append(f"a server that was kept ended badly: {in_a_line(error)}")


def is_named(stages: dict[str, Stage]) -> bool:
    """Whether a line has to say which runtime it is about."""
    return len(stages) > 1 or list(stages) != ["trio"]


def _left(taken: dict[str, list[Round]], spent: dict[str, float], least: int) -> float:
    """Seconds for the planned rounds that are not taken yet, if they take as long as the others."""
    done = sum(map(len, taken.values()))
    return sum(spent.values()) / done * max(0, least * len(taken) - done)


async def _round(experiment: Experiment, stage: Stage) -> Round:
    watch, error = Watch(speed=True), None
    stage.track = Track()
    try:
        collected = await experiment.collect(stage)
        require_all(collected.figures, experiment.declared(stage.runtime))
    except Exception as caught:  # a fault in one experiment must not lose the figures of the others
        error = caught
        collected = Collected(figures=dict.fromkeys(experiment.declared(stage.runtime)), charts=())
    timeline, conditions = stage.track.timeline(), watch.conditions()
    trouble, failed = ("", False) if error is None else _trouble(error, conditions)
    return Round(collected=collected, conditions=conditions, timeline=timeline, trouble=trouble, failed=failed)


def _trouble(error: Exception, conditions: Conditions) -> tuple[str, bool]:
    """What to say of a round that has no figures, and whether that is a fault."""
    first = first_of(error)
    if isinstance(first, ArithmeticError):  # phases were so short, or the machine so busy, that a count is zero
        return "Too little was counted to compare anything.", False
    if isinstance(first, trio.TooSlowError) and conditions.disturbance == "much":
        return "A time limit ran out while other programs had the cores.", False
    return f"It could not be run: {in_a_line(error)}.", True
