"""How well the stalls that a watch reported match what was done to the loop. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..loop.stalls import NOT_RUNNING, Stall
from ..subjects.planted import Block

SHORTEST = 0.020  # seconds: shorter blocks need not be reported
_ERROR, _RELATIVE_ERROR = 0.002, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of the ``blocks`` of `SHORTEST` or longer: the shares that were reported at all (recall), and with the right duration,
    duration of the pass, cause and line. ``worst_error_ratio`` is the largest error of a duration ÷ the `allowed` one."""

    blocks: int
    recall_percent: float | None
    duration_right_percent: float | None
    pass_right_percent: float | None
    cause_right_percent: float | None
    line_right_percent: float | None
    worst_error_ratio: float | None
    false_alarms: int


def scored(
    blocks: Sequence[Block],
    told: Sequence[Stall],
    filename: str,
    lines: Mapping[str, set[int]],
    causes: Mapping[str, str],
) -> Score:
    """How well ``told``, the stalls that were reported, match the blocks."""
    wanted = [block for block in blocks if block.duration >= SHORTEST]
    pairs = [(block, found) for block in wanted if (found := teller(block, told)) is not None]
    errors = [abs(lasted(found) - block.duration) / allowed(block) for block, found in pairs]
    exact = sum(found.filename == filename and found.lineno in lines[block.kind] for block, found in pairs)
    return Score(
        blocks=len(wanted),
        recall_percent=_percent(len(pairs), len(wanted)),
        duration_right_percent=_percent(sum(error <= 1 for error in errors), len(wanted)),
        pass_right_percent=_percent(sum(_pass_is_right(*pair) for pair in pairs), len(wanted)),
        cause_right_percent=_percent(sum(found.cause == causes.get(block.kind) for block, found in pairs), len(wanted)),
        line_right_percent=_percent(exact, len(wanted)),
        worst_error_ratio=max(errors, default=None),
        false_alarms=len(false_alarms(told, blocks)),
    )


def unexplained(began: float, duration: float, cause: str) -> Stall:
    """A stall as a monitor reports it that knows nothing but time."""
    return Stall(
        duration=duration, cause=cause, filename="", lineno=0, function="", task_name="", samples=0, began=began
    )


def allowed(block: Block) -> float:
    """The largest error that its reported duration may have, in seconds."""
    return max(_ERROR, _RELATIVE_ERROR * block.duration)


def _pass_is_right(block: Block, found: Stall) -> bool:
    return abs(found.duration - block.duration) <= allowed(block)


def lasted(found: Stall) -> float:
    """How long one task blocked the loop: the steps of the first offender if they were measured, else the whole pass."""
    return found.top[0][1] if found.top else found.duration


def teller(block: Block, told: Sequence[Stall]) -> Stall | None:
    """The stall that was reported for a block: it overlaps the block most, and at least by half of it."""
    best = max(told, key=lambda stall: _shared(block, stall), default=None)
    return best if best is not None and _shared(block, best) >= block.duration / 2 else None


def false_alarms(told: Sequence[Stall], blocks: Sequence[Block] = ()) -> list[Stall]:
    """Stalls that were reported although nothing was done, without those blamed on other programs' use of the CPU."""
    mere = [stall for stall in told if stall.cause != NOT_RUNNING]
    return [stall for stall in mere if all(_shared(block, stall) <= 0 for block in blocks)]


def _shared(block: Block, stall: Stall) -> float:
    return min(block.ended, stall.began + stall.duration) - max(block.began, stall.began)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
