"""What a watch told, held against what was done to the loop. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..loop.stalls import NOT_RUNNING, Stall

SHORTEST = 0.020  # seconds: what is shorter need not be told
_ERROR, _RELATIVE_ERROR = 0.002, 0.05


@dataclass(frozen=True, slots=True)
class Block:
    """Something that was done to the loop: of which kind, from when to when (`time.perf_counter`)."""

    kind: str
    began: float
    ended: float

    @property
    def duration(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How many blocks there were, and how many of them were told: at all, with their duration, that of their pass, their
    cause and their line. ``worst_error_ratio`` is the largest error of a duration ÷ what is `allowed`."""

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
    """A pass that grew because others had the CPU is told as such, and no false alarm."""
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


def allowed(block: Block) -> float:
    """By how much its duration may be told wrongly, in seconds."""
    return max(_ERROR, _RELATIVE_ERROR * block.duration)


def _pass_is_right(block: Block, found: Stall) -> bool:
    return abs(found.duration - block.duration) <= allowed(block)


def lasted(found: Stall) -> float:
    """For how long one task blocked the loop: the steps of the first offender when they were measured, else the pass."""
    return found.top[0][1] if found.top else found.duration


def teller(block: Block, told: Sequence[Stall]) -> Stall | None:
    """What was told of a block: the stall that shares the most time with it, at least half of the block's."""
    best = max(told, key=lambda stall: _shared(block, stall), default=None)
    return best if best is not None and _shared(block, best) >= block.duration / 2 else None


def false_alarms(told: Sequence[Stall], blocks: Sequence[Block] = ()) -> list[Stall]:
    """What was told though nothing was done, other than that others had the CPU."""
    mere = [stall for stall in told if stall.cause != NOT_RUNNING]
    return [stall for stall in mere if all(_shared(block, stall) <= 0 for block in blocks)]


def _shared(block: Block, stall: Stall) -> float:
    return min(block.ended, stall.began + stall.duration) - max(block.began, stall.began)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
