"""Runs a program of `trio_lab.subjects` as a reader would, and gives its one JSON object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import trio_lab
from trio_lab.http.runtimes import RUNTIMES, lack

FOLDER = Path(trio_lab.__file__).parent / "subjects"

EVERY_RUNTIME = [
    pytest.param(runtime, marks=pytest.mark.skipif(lack(runtime) is not None, reason=f"{runtime}: {lack(runtime)}"))
    for runtime in RUNTIMES
]


def command(kind: str, runtime: str) -> list[str]:
    if runtime == "node":
        return ["node", str(FOLDER / f"{kind}_node.mjs")]
    return [sys.executable, "-m", f"trio_lab.subjects.{kind}_{runtime}"]


def said(kind: str, runtime: str, *words: str) -> str:
    done = subprocess.run(
        [*command(kind, runtime), *words], capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def answer(kind: str, runtime: str, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(kind, runtime, "--json", *words))
    assert found["runtime"] == runtime
    return found
