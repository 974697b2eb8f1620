"""Work of this program fills the default threads (Trio's, AnyIO's, asyncio's), which file reads and name look-ups need too."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import SEPARATE, Rule
from ..signals import LIMITER

RULE = Rule(
    id="default_limiter_shared",
    step=SEPARATE,
    kinds=(LIMITER,),
    holds=lambda _: True,
    because=lambda signals: (
        f"callers queue for the {f'{signals.capacity} ' if signals.capacity else ''}threads of the {(signals.first or '').replace('_', ' ')}, "
        "and so does every file read and name look-up"
    ),
    figures=("capacity", "waiting_full", "cpu_full", "saturation"),
    doubt="If nothing else in the program uses threads, the limiter is only too small.",
    fix="Give this work a limiter or a pool of its own.",
    setting=lambda signals: Setting(of=signals.first or "", name="separate"),
    measure="beside_p50",
)
