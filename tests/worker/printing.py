"""Jobs that print."""

from __future__ import annotations

import os


def count_and_die(lines: int) -> None:
    for n in range(lines):
        print("line", n)
    os._exit(1)
