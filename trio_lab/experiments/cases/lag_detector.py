"""The detector that everybody writes first, beside the exact one, on blocks of known length.

Varied: the length of a block (20 to 500 ms) and its moment, at random with a fixed seed. Both detectors are on the same
loop at the same time, so they see the same blocks. Blocks clearly over the thresholds of both (60 ms) have to be told.

The naive one tells a block of d seconds only if its timer is due in the first d − 50 ms: at most 0.45 of the longest with
a timer of one second, hence under half. It tells what was left of the block, hence under 0.9 of the length. A monitor of
every pass sees each begin and end; 0.95 leaves a twentieth for disturbances on the machine, and a pass holds the block
and a little more, hence an error of at most 0.05. The result is wrong when the watch is blind, which is noted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median

from ...loop.lag_detector import WARN_OVER
from ...records.check import check
from ...stage.alone import alone
from ...stage.stage import Stage
from ...subjects.two_detectors import Block, Detected, detected
from .. import charts
from ..model import Collected, Experiment

_SEED = 11
_TO_TELL = WARN_OVER * 1.2  # seconds from which on both have to tell a block: clearly over the threshold of either


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    blocks: int
    blocks_to_tell: int
    naive_recall: float | None
    naive_length_share: float | None
    naive_error: float | None
    naive_strays: int
    exact_recall: float | None
    exact_length_share: float | None
    exact_error: float | None
    exact_strays: int


def _figures(found: Detected) -> _Figures:
    blocks = [block for block in found.blocks if block.length >= _TO_TELL]
    naive, exact = _lengths(blocks, "naive"), _lengths(blocks, "exact")
    return _Figures(
        blocks=len(found.blocks),
        blocks_to_tell=len(blocks),
        naive_recall=_recall(naive, blocks),
        naive_length_share=median(naive) if naive else None,
        naive_error=_error(naive),
        naive_strays=found.strays["naive"],
        exact_recall=_recall(exact, blocks),
        exact_length_share=median(exact) if exact else None,
        exact_error=_error(exact),
        exact_strays=found.strays["exact"],
    )


def _lengths(blocks: list[Block], who: str) -> list[float]:
    """Told ÷ true length of the blocks that were told."""
    return [told / block.length for block in blocks if (told := block.told(who)) is not None]


def _recall(told: list[float], blocks: list[Block]) -> float | None:
    return len(told) / len(blocks) if blocks else None


def _error(told: list[float]) -> float | None:
    return median(abs(share - 1) for share in told) if told else None


def _points(found: Detected, who: str) -> list[tuple[float, float]]:
    told = [(block.length, block.told(who)) for block in found.blocks]
    return [(round(length * 1e3, 2), round(said * 1e3, 2)) for length, said in told if said is not None]


async def _collect(stage: Stage) -> Collected:
    found = await alone(partial(detected, stage.seconds(60, quick=15), _SEED))
    figures = _figures(found)
    if found.blind is not None:
        stage.notes.append(f"the watch was blind: {found.blind}")
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "Blocks of known length, as each detector told them",
                "point",
                "length of the block, ms",
                "told, ms",
                [
                    charts.series("exact (observe)", _points(found, "exact"), role="good"),
                    charts.series("naive (1 s timer)", _points(found, "naive"), role="bad"),
                ],
                note="A block that a detector did not notice has no point.",
            ),
        ),
        first_full=None,
        finding=_finding(figures),
    )


def _finding(figures: _Figures) -> str:
    said = f"Of {figures.blocks_to_tell} blocks over {_TO_TELL * 1e3:.0f} ms the watch told {figures.exact_recall or 0:.0%}"
    said += f", the lag detector {figures.naive_recall or 0:.0%}"
    if figures.naive_length_share is None:
        return said + "."
    return said + f", and of those {figures.naive_length_share:.0%} of their length (median)."


EXPERIMENT = Experiment(
    name="lag-detector",
    title="A lag detector, and what it misses",
    order=28,
    expected_s=16,
    question="What does a timer that wakes once a second see of a blocked loop?",
    prediction=(
        "Little. Only a block that the timer's wake falls into is seen, so of blocks of 80 to 500 ms it tells less than "
        "half, and of those less than nine tenths of their length. A monitor of every pass tells them all, each as long "
        "as it was."
    ),
    figures=_Figures,
    checks=(
        check("blocks the lag detector told", "naive_recall", "<", 0.5),
        check("blocks the watch told", "exact_recall", ">=", 0.95),
        check("told ÷ true length, lag detector, p50", "naive_length_share", "<", 0.9),
        check("error of the watch's length, p50", "exact_error", "<=", 0.05),
    ),
    advice=(
        "Do not conclude anything from a lag detector that is silent. Measure every pass: it costs two hooks, and nothing "
        "falls between two samples. A timer still tells one thing well: how late a timer is."
    ),
    collect=_collect,
    lab=False,
)
