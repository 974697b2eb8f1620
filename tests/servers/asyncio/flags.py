"""A job for workers."""

from __future__ import annotations

import os
import sys


def facts() -> list[object]:
    return [list(sys.flags), __debug__, sys.warnoptions, sys._xoptions]


def print_and_die() -> None:
    print("last words")
    os._exit(1)
