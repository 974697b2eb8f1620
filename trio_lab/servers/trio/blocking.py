"""Five calls that block a loop, as plain functions: those in the articles' table of blockers. Standard library only.

Each has a size, with a default that costs some ten milliseconds and a bound that costs a second or two. The input that a
real service gets from outside (a body, a file) is made here, as cheaply as possible, so that the call itself stands out.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections.abc import Iterator
from typing import IO

_RECORD = b'{"id":123456,"name":"somebody","amount":12.5,"tags":["a","b"]}'
# A repetition inside a repetition: each further letter doubles the ways to split a text that does not match in the end.
_EVIL = re.compile("(a+)+")
RUN = 1000  # values of one run of `values`
MEGABYTE = 1 << 20


def document(records: int) -> bytes:
    """A JSON array of so many records, 63 bytes each."""
    return b"[" + b",".join([_RECORD] * records) + b"]"


def count_records(text: bytes) -> int:
    """Parse a JSON array and return its length only: a result has to travel back from a worker."""
    return len(json.loads(text))


def user_input(length: int) -> str:
    """Input as an attacker may type it."""
    return "a" * length + "!"


def matches(text: str) -> bool:
    """Whether the text consists of a's, by a pattern that backtracks exponentially. It holds the GIL throughout."""
    return _EVIL.fullmatch(text) is not None


def values(count: int) -> Iterator[list[float]]:
    """So many random values, the same ones every time, in runs of `RUN`."""
    made = random.Random(count)
    for begin in range(0, count, RUN):
        yield [made.random() for _ in range(min(RUN, count - begin))]


def large_file(megabytes: int) -> IO[bytes]:
    """A file of so many zeros, which takes no room on the disk, open for reading and gone when it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    file.truncate(megabytes * MEGABYTE)
    return file


def transform(number: int, weight: int = 1) -> int:
    """One item of a long list: a few microseconds of plain Python, ``weight`` times over."""
    total = 0
    for _ in range(weight):
        text = f"{number:08d}"
        total += sum(map(int, text)) + len(text.replace("0", ""))
    return total
