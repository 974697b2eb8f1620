"""The detector that everybody writes first, beside the exact one, on blocks of known length."""

from __future__ import annotations

from statistics import median
from typing import Any

from ...loop.lag_detector import WARN_OVER
from ...records.check import Check
from ...stage.stage import Stage
from ...subjects import two_detectors
from .. import charts
from ..model import Collected, Experiment

_SEED = 11
_TO_TELL = WARN_OVER * 1.2  # seconds from which on both have to tell a block: clearly over the threshold of either

Block = dict[str, Any]


def _shares(blocks: list[Block], who: str) -> tuple[float | None, float | None]:
    """The share of the blocks that were told, and the median of told ÷ true length; None without any."""
    told = [block for block in blocks if block[who] is not None]
    recall = len(told) / len(blocks) if blocks else None
    return recall, median(block[who] / block["length"] for block in told) if told else None


def _figures(found: dict[str, Any]) -> dict[str, float | None]:
    blocks = [block for block in found["blocks"] if block["length"] >= _TO_TELL]
    figures: dict[str, float | None] = {"blocks": len(found["blocks"]), "blocks_to_tell": len(blocks)}
    for who in ("naive", "exact"):
        recall, length = _shares(blocks, who)
        errors = [abs(block[who] / block["length"] - 1) for block in blocks if block[who] is not None]
        figures |= {
            f"{who}_recall": recall,
            f"{who}_length_share": length,
            f"{who}_error": median(errors) if errors else None,
            f"{who}_strays": found["strays"][who],
        }
    return figures


def _points(blocks: list[Block], who: str) -> list[tuple[float, float]]:
    return [(round(block["length"] * 1e3, 2), round(block[who] * 1e3, 2)) for block in blocks if block[who] is not None]


async def _collect(stage: Stage) -> Collected:
    found = await stage.program(two_detectors.__name__, stage.seconds(60, quick=15), _SEED)
    figures = _figures(found)
    if found["blind"] is not None:
        stage.notes.append(f"the watch was blind: {found['blind']}")
    blocks = found["blocks"]
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "Blocks of known length, as each detector told them",
                "point",
                "length of the block, ms",
                "told, ms",
                [
                    charts.series("exact (observe)", _points(blocks, "exact"), role="good"),
                    charts.series("naive (1 s timer)", _points(blocks, "naive"), role="bad"),
                ],
                note="A block that a detector did not notice has no point.",
            ),
        ),
        first_full=None,
        finding=_finding(figures),
    )


def _finding(figures: dict[str, float | None]) -> str:
    naive, exact, length = (figures[name] or 0.0 for name in ("naive_recall", "exact_recall", "naive_length_share"))
    said = f"Of {figures['blocks_to_tell']:.0f} blocks over {_TO_TELL * 1e3:.0f} ms the watch told {exact:.0%}"
    said += f", the lag detector {naive:.0%}"
    return said + (f", and of those {length:.0%} of their length (median)." if naive else ".")


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
    figures=(
        "blocks",
        "blocks_to_tell",
        *(f"{who}_{figure}" for who in ("naive", "exact") for figure in ("recall", "length_share", "error", "strays")),
    ),
    checks=(
        Check(claim="blocks the lag detector told", figure="naive_recall", relation="<", bound=0.5),
        Check(claim="blocks the watch told", figure="exact_recall", relation=">=", bound=0.95),
        Check(claim="told ÷ true length, lag detector, p50", figure="naive_length_share", relation="<", bound=0.9),
        Check(claim="error of the watch's length, p50", figure="exact_error", relation="<=", bound=0.05),
    ),
    advice=(
        "Do not reason from a lag detector that is silent. Measure every pass: it costs two hooks, and nothing falls "
        "between two samples. A timer is still good for what it is: how late a timer is."
    ),
    collect=_collect,
    lab=False,
)
