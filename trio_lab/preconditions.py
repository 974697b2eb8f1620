"""What a public function needs of its caller, and an error that says so in the caller's terms: the name of the parameter,
its unit, and what to pass instead."""

from __future__ import annotations

import sys
from typing import Literal


def require_loop(what: str, wanted: Literal["Trio", "asyncio"]) -> None:
    """Raise a RuntimeError that says which loop is missing, unless the ``wanted`` one runs in this thread.

    ``what`` is the name the caller used: "observe", "the bulkhead database".
    """
    needed, running = f"{'an' if wanted == 'asyncio' else 'a'} {wanted}", running_loop()
    if running is None:
        raise RuntimeError(f"{what} needs {needed} loop; none runs in this thread")
    if running != wanted:
        raise RuntimeError(f"{what} needs {needed} loop; this runs under {running}")


def require_seconds(name: str, value: float, *, low: float, high: float) -> None:
    """Raise unless ``value`` is a duration from ``low`` to ``high`` seconds. A ``low`` of 0 is itself refused.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN or out of range; the text gives a number that would fit as milliseconds in seconds.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if not (low <= value <= high and value > 0):
        least = f"at least {low:g}" if low else "over 0"
        hint = f" ({value:g} ms are {value / 1e3:g})" if value > high and value / 1e3 <= high else ""
        raise ValueError(f"{name} is in seconds, not milliseconds: {least} and at most {high:g}, not {value:g}{hint}")


def require_count(name: str, value: int, *, low: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``low``.

    Raises:
        TypeError: it is no int.
        ValueError: it is less.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, not {value}")


def require_timeout(name: str, value: float | None) -> None:
    """Raise unless ``value`` is None or a number of seconds from 0 on. Infinite is no bound, as None is.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative or NaN.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}")
    if not value >= 0:
        raise ValueError(f"{name} must not be negative or NaN, but is {value:g}")


def running_loop() -> Literal["Trio", "asyncio"] | None:
    """Which loop runs in this thread."""
    # A library that is not loaded runs nothing, so neither is imported for this.
    trio, asyncio = sys.modules.get("trio"), sys.modules.get("asyncio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return "Trio"
    if asyncio is not None and asyncio._get_running_loop() is not None:
        return "asyncio"
    return None
