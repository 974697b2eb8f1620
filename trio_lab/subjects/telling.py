"""How a program of this folder is asked, and how it answers: plain lines, or one JSON object with ``--json``; a program
that goes on says lines of JSON.

With ``--lifeline`` a program ends when its standard input does, so that none outlives the process that started it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from ..records.codec import encode, to_plain
from ..worker.lifeline import tie_life


def tell(found: Any, lines: Iterable[str]) -> None:
    """Print the record ``found`` in the form that was asked for; ``lines`` are the same for a person."""
    if "--json" in sys.argv:
        sys.stdout.write(encode(found).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)


def say(**found: object) -> None:
    """One line of JSON, at once: what a program that goes on says to the one that started it."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def number(flag: str, default: int) -> int:
    """The whole number after ``flag`` on the command line, or the default."""
    return int(sys.argv[sys.argv.index(flag) + 1]) if flag in sys.argv else default


def tied() -> None:
    """Tie this process to its standard input if ``--lifeline`` says so."""
    if "--lifeline" in sys.argv:
        tie_life(0)


def end_with_input() -> None:
    """From now on this process ends, with exit code 0, when its standard input does."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def columns(records: Sequence[Any]) -> Iterable[str]:
    """Records of one kind as aligned lines, the names of their fields first; yes and no for what is true or false."""
    rows = [to_plain(record) for record in records]
    table = [[key.replace("_", " ") for key in rows[0]], *([_said(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[n]) for line in table) for n in range(len(table[0]))]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _said(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
