"""Runs a program of `trio_lab.subjects` as a reader would, and gives its one JSON object."""

from __future__ import annotations

import subprocess
from typing import TypeVar

import pytest

from trio_lab.http.runtimes import RUNTIMES, lack
from trio_lab.records.codec import decode
from trio_lab.subjects.answers import Matrix, Orders, Siblings
from trio_lab.subjects.programs import command

Answer = TypeVar("Answer", bound=Orders | Matrix | Siblings)

EVERY_RUNTIME = [
    pytest.param(runtime, marks=pytest.mark.skipif(lack(runtime) is not None, reason=f"{runtime}: {lack(runtime)}"))
    for runtime in RUNTIMES
]


def said(kind: str, runtime: str, *words: str) -> str:
    done = subprocess.run(
        [*command(kind, runtime), *words], capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def answer(kind: type[Answer], runtime: str, *words: str) -> Answer:
    found = decode(kind, said(kind.PROGRAM, runtime, "--json", *words))
    assert found.runtime == runtime
    return found
