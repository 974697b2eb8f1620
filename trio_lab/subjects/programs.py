"""How the programs that exist for every runtime are started."""

from __future__ import annotations

import sys
from pathlib import Path

_FOLDER = Path(__file__).parent


def command(program: str, runtime: str) -> list[str]:
    """``program`` is order, matrix or siblings."""
    if runtime == "node":
        return ["node", str(_FOLDER / f"{program}_node.mjs")]
    return [sys.executable, "-m", f"{__package__}.{program}_{runtime}"]
