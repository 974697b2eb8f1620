"""Where the commands print: results on standard output, progress and warnings on standard error."""

from __future__ import annotations

import sys

from rich.console import Console

# Text may come from outside (an error, a URL), so its brackets are not markup.
errors = Console(stderr=True, highlight=False, markup=False)


def output() -> Console:
    """Standard output, as wide as the terminal; lines to a pipe have a fixed width."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160)


def say(text: str) -> None:
    """Print one line of progress."""
    errors.print(text)
