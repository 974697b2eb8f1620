"""Faults planted in a copy of the project: a right text is replaced by a wrong one, and the copy is run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``right`` stands once in the file."""

    file: str
    right: str
    wrong: str

    def planted_in(self, text: str) -> str:
        """The text of the file, with the fault."""
        assert text.count(self.right) == 1, f"{self.file} has not once: {self.right}"
        return text.replace(self.right, self.wrong)


@contextmanager
def copied(*parts: str) -> Iterator[Path]:
    """A folder with copies of these parts of the project."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        for part in parts:
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        yield copy


@contextmanager
def planted(copy: Path, fault: Fault) -> Iterator[None]:
    """The fault is in the copy for the length of the block."""
    file = copy / fault.file
    text = file.read_text()
    file.write_text(fault.planted_in(text))
    yield
    file.write_text(text)
