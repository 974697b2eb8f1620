"""Blocks whose truth is known: how long they lasted, and on which lines.

The lines are found by their own marks (a comment ``blocks: NAME``), so a line that moves takes its truth along. Those
that wait or loop are told how long; those that are one C call are given an argument whose size was tried out before.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from ..loop.stalls import BLOCKING_CALL, C_CALL, PYTHON

_MARK = re.compile(r"# blocks: ([\w-]+)")
_PATTERN = re.compile("a*b")
_FROM, _TO = 0.005, 0.5  # seconds that planned blocks last


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was planted in the loop: its kind, and from when to when it lasted (`time.perf_counter`)."""

    kind: str
    began: float
    ended: float

    @property
    def duration(self) -> float:
        return self.ended - self.began


def marked(path: str | Path) -> dict[str, set[int]]:
    """The lines of a source file that say of themselves what they block with, by that name."""
    lines: dict[str, set[int]] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if found := _MARK.search(line):
            lines.setdefault(found[1], set()).add(number)
    return lines


def _loop(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:  # blocks: loop
        sum(range(100))  # blocks: loop


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # blocks: sleep


def _nested(seconds: float) -> None:
    _second(seconds)


def _second(seconds: float) -> None:
    _third(seconds)


def _third(seconds: float) -> None:
    time.sleep(seconds)  # blocks: nested


def _many_calls(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:  # blocks: many-calls
        json.dumps(list(range(200)))  # blocks: many-calls


def _pattern(text: str) -> None:
    _PATTERN.search(text)  # blocks: pattern


def _document(text: str) -> None:
    json.loads(text)  # blocks: document


def _sort(values: Sequence[float]) -> None:
    sorted(values)  # blocks: sort


def _hash(rounds: int) -> None:
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", rounds)  # blocks: hash


LINES = marked(__file__)
CAUSES = {
    "loop": PYTHON,
    "sleep": BLOCKING_CALL,
    "nested": BLOCKING_CALL,
    "many-calls": PYTHON,
    "pattern": C_CALL,
    "document": C_CALL,
    "sort": C_CALL,
    "hash": PYTHON,  # in C, but it lets others run
}
_CALLS: dict[str, Callable[[Any], None]] = {
    call.__name__[1:].replace("_", "-"): call
    for call in (_loop, _sleep, _nested, _many_calls, _pattern, _document, _sort, _hash)
}


class Planter:
    """Makes blocks of every kind. ``random`` orders the numbers that are sorted."""

    def __init__(self, random: Random) -> None:
        values = [random.random() for _ in range(1_000_000)]
        letters = 4_000 / _took(lambda: _pattern("a" * 4_000)) ** 0.5  # its time grows with the square
        rounds = 50_000 / _took(lambda: _hash(50_000))
        numbers = 100_000 / _took(lambda: _document(_text(100_000)))
        in_order = 100_000 / _took(lambda: _sort(values[:100_000]))
        # The argument with which a single C call takes so many seconds; the others are told the seconds themselves.
        self._arguments: dict[str, Callable[[float], object]] = {
            "pattern": lambda seconds: "a" * round(letters * seconds**0.5),
            "document": lambda seconds: _text(round(numbers * seconds)),
            "sort": lambda seconds: values[: round(in_order * seconds)],
            "hash": lambda seconds: max(1, round(rounds * seconds)),
        }

    def plant(self, kind: str, seconds: float) -> Callable[[], Block]:
        """A call that blocks for about so long, and tells how long it was."""
        call, argument = _CALLS[kind], self._arguments.get(kind, float)(seconds)

        def block() -> Block:
            began = perf_counter()
            call(argument)
            return Block(kind, began, perf_counter())

        return block


def planned(blocks: int, random: Random) -> list[Callable[[], Block]]:
    """Every kind as often as the others, in a random order; short blocks are as likely as long ones."""
    planter = Planter(random)
    kinds = list(islice(cycle(LINES), blocks))
    random.shuffle(kinds)
    return [planter.plant(kind, math.exp(random.uniform(math.log(_FROM), math.log(_TO)))) for kind in kinds]


def _text(numbers: int) -> str:
    return f"[{'1234567,' * numbers}0]"


def _took(call: Callable[[], None]) -> float:
    """The shorter of two tries: what is measured for the first time is slow."""
    return min(timeit.repeat(call, number=1, repeat=2))
