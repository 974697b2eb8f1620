"""Asking the small programs that exist for every runtime: each runs as a process of its own and prints one record."""

from __future__ import annotations

from typing import TypeVar

from ..records.codec import decode
from ..subjects.answers import Matrix, Orders, Siblings
from ..subjects.programs import command
from .launch import LIFELINE, output_of

Answer = TypeVar("Answer", bound=Orders | Matrix | Siblings)


async def ask(kind: type[Answer], runtime: str, *words: object) -> Answer:
    """What the program for this kind of answer says on a runtime."""
    return decode(kind, await output_of([*command(kind.PROGRAM, runtime), "--json", LIFELINE, *map(str, words)]))
