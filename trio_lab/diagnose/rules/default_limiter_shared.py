"""Work of this program fills the default threads (Trio's, AnyIO's, asyncio's), which file reads and name look-ups need too."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import SEPARATE, Rule
from ..signals import LIMITER, Signals


def _because(signals: Signals) -> str:
    threads = f"{signals.capacity} threads" if signals.capacity else "threads"
    whose = (signals.first or "").replace("_", " ")
    return f"callers queue for the {threads} of the {whose}, and so does every file read and name look-up"


RULE = Rule(
    id="default_limiter_shared",
    step=SEPARATE,
    kinds=(LIMITER,),
    holds=lambda _: True,
    because=_because,
    figures=("capacity", "waiting_full", "cpu_full", "saturation"),
    doubt="If nothing else in the program uses threads, the limiter is only too small.",
    fix="Give this work a limiter or a pool of its own.",
    setting=lambda signals: Setting(of=signals.first or "", name="separate"),
    measure="beside_p50",
)
