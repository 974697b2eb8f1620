"""What ``trio-lab doctor --json`` prints: one object, whose keys other programs rely on."""

from __future__ import annotations

import msgspec

from ..records.codec import to_plain
from ..records.diagnosis import Diagnosis
from ..records.proof import Proof
from ..records.slo import SloResult

_KEYS = (
    "healthy",
    "verdict",
    "first_full",
    "onset_load",
    "onset_interval",
    "saturation_load",
    "saturation_interval",
    "confidence",
    "blind_to",
)
_FINDING = ("id", "step", "because", "figures", "fix")


def in_json(found: Diagnosis, proof: Proof | None, verdict: SloResult | None) -> str:
    """The diagnosis; ``proof`` and ``slo`` are there if they were asked for."""
    plain = to_plain(found)
    findings = [{key: one[key] for key in _FINDING} for one in plain["findings"]]
    shown = {key: plain[key] for key in _KEYS} | {"findings": findings}
    if proof is not None:
        shown["proof"] = to_plain(proof)
    if verdict is not None:
        shown["slo"] = to_plain(verdict)
    return msgspec.json.encode(shown).decode()
