"""The detector that everybody writes first, beside the exact one, on blocks of known length.

Varied: the length of a block (20 to 500 ms) and its moment, at random with a fixed seed for each round. Both detectors are on
the same loop at the same time, so they see the same blocks. Blocks clearly over the thresholds of both (60 ms) have to be
told.

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
from ...records.figures import Measures, check, measured, of_each
from ...stage.alone import alone
from ...stage.stage import Stage
from ...subjects.two_detectors import Block, Detected, detected
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_SEED = 11
_TO_TELL = WARN_OVER * 1.2  # seconds from which on both have to tell a block: clearly over the threshold of either


@dataclass(frozen=True, slots=True)
class _Told:
    """What one detector told: ``shares`` are told ÷ true length of the blocks that it noticed of those it had to."""

    shares: list[float]
    recall: float | None
    strays: int


def _told(found: Detected, who: str) -> _Told:
    blocks = _to_tell(found)
    shares = [told / block.length for block in blocks if (told := block.told(who)) is not None]
    return _Told(shares, len(shares) / len(blocks) if blocks else None, found.strays[who])


def _to_tell(found: Detected) -> list[Block]:
    return [block for block in found.blocks if block.length >= _TO_TELL]


_OF_EACH: Measures[_Told] = {
    "{}_recall": lambda told: told.recall,
    "{}_length_share": lambda told: median(told.shares) if told.shares else None,
    "{}_error": lambda told: median(abs(share - 1) for share in told.shares) if told.shares else None,
    "{}_strays": lambda told: told.strays,
}
_FIGURES = of_each(("naive", "exact"), _OF_EACH)


def _figures(found: Detected) -> dict[str, float | None]:
    told = {who: _told(found, who) for who in ("naive", "exact")}
    return {"blocks": len(found.blocks), "blocks_to_tell": len(_to_tell(found)), **measured(_FIGURES, told)}


def _points(found: Detected, who: str) -> list[tuple[float, float]]:
    told = [(block.length, block.told(who)) for block in found.blocks]
    return [(round(length * 1e3, 2), round(said * 1e3, 2)) for length, said in told if said is not None]


async def _collect(stage: Stage) -> Collected:
    found = await alone(partial(detected, stage.seconds(15, quick=4), _SEED + stage.round))
    if found.blind is not None:
        stage.notes.append(f"the watch was blind: {found.blind}")
    return Collected(
        figures=_figures(found),
        charts=(
            charts.chart(
                "Blocks of known length, as each detector told them",
                "point",
                ("length of the block, ms", "told, ms"),
                [
                    ("exact (observe)", _points(found, "exact"), "good"),
                    ("naive (1 s timer)", _points(found, "naive"), "bad"),
                ],
                note="A block that a detector did not notice has no point.",
            ),
        ),
    )


def _finding(found: Reading) -> str:
    return f"""Of the blocks over {_TO_TELL * 1e3:.0f} ms the watch told {found.said("exact_recall")}, the lag detector
        {found.said("naive_recall")} (shares of 1); the lag detector told {found.said("naive_length_share")} of the length of
        those (median)."""


EXPERIMENT = Experiment(
    name="lag-detector",
    title="A lag detector, and what it misses",
    order=28,
    expected_s=16,
    question="What does a timer that wakes once a second see of a blocked loop?",
    prediction="""Little. Only a block that the timer's wake falls into is seen, so of blocks of 80 to 500 ms it tells
        less than half, and of those less than nine tenths of their length. A monitor of every pass tells them all, each
        as long as it was.""",
    figures=("blocks", "blocks_to_tell", *_FIGURES),
    checks=(
        check("blocks the lag detector told", "naive_recall", "<", 0.5),
        check("blocks the watch told", "exact_recall", ">=", 0.95),
        check("told ÷ true length, lag detector, p50", "naive_length_share", "<", 0.9),
        check("error of the watch's length, p50", "exact_error", "<=", 0.05),
    ),
    advice="""Do not conclude anything from a lag detector that is silent. Measure every pass: it costs two hooks, and
        nothing falls between two samples. A timer still tells one thing well: how late a timer is.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
