"""The program of one of several server processes (`servers.processes.one`), with the fault routes if they were asked for."""

from __future__ import annotations

import sys

from ..servers.processes import one
from .serve import fault_routes


def main() -> None:
    sys.exit(one.main(int(sys.argv[1]), int(sys.argv[2]), fault_routes))
