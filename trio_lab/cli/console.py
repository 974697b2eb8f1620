"""The two ends of the terminal: results on standard output, everything that is told on the way on standard error."""

from __future__ import annotations

import sys

from rich.console import Console

# What is said may come from outside (an error's text, a URL): brackets in it are brackets.
errors = Console(stderr=True, highlight=False, markup=False)


def output() -> Console:
    """Standard output, as wide as the terminal; a pipe gets lines of a fixed width."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160)


def say(text: str) -> None:
    """One line on the way."""
    errors.print(text)
