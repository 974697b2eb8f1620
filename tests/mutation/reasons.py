"""docs/mutants.md: why each survivor stays.

Below a heading ``### PART`` stand paragraphs, each followed by the list of survivors that it explains, written as
`Survivor` writes itself.
"""

from __future__ import annotations

from .outcomes import Survivor
from .workplace import ROOT

PAGE = ROOT / "docs" / "mutants.md"


def explained(text: str) -> dict[str, set[str]]:
    """The survivors with a reason, by part."""
    found: dict[str, set[str]] = {}
    part, reason = "", ""
    for line in text.splitlines():
        if line.startswith("#"):
            part, reason = line.lstrip("# "), ""
        elif line.startswith("- `") and "` → `" in line:
            if not reason:
                raise ValueError(f"{PAGE.name}: no reason above {line}")
            found.setdefault(part, set()).add(line)
        elif line.strip():
            reason = line
    return found


def differences(survivors: frozenset[Survivor], reasons: set[str]) -> tuple[list[str], list[str]]:
    """Survivors without a reason, and reasons without a survivor."""
    lines = {str(survivor) for survivor in survivors}
    return sorted(lines - reasons), sorted(reasons - lines)
