"""Results on disk: ``results.json``, which is the run, and ``index.html``, which can always be made again from it.
A run that ends with the doctor has what that saw in a file beside them.

The results are written first, so a run of minutes is kept even if its page cannot be drawn.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from trio_lab.errors import UsageError
from trio_lab.records.codec import encode, json_values
from trio_lab.records.reading import one_line, read_results
from trio_lab.records.result import Results
from trio_lab.report.disk import write_whole
from trio_lab.report.page import render

RESULTS = "results.json"
PAGE = "index.html"
EXAMINATION = "doctor.json"
"""What the doctor saw at the end of a run, for ``trio-lab doctor``."""


def check_writable(directory: Path) -> None:
    """Raises `UsageError` now if `save` into ``directory`` would raise it later, after a run of minutes."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise UsageError(f"{directory} cannot be written: {error.strerror}") from error


def save(results: Results, directory: Path) -> Path:
    """Write both files into ``directory``, making it if need be, and return the path of the page.

    The page is drawn from what was written, so making it again gives the same page.

    Raises:
        UsageError: the folder cannot be written, or a chart cannot be drawn.
    """
    try:
        written = encode(results)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the results cannot be written as JSON: {one_line(error)}") from error
    write_whole(directory / RESULTS, msgspec.json.format(written, indent=2) + b"\n")
    return save_page(read_results(msgspec.json.decode(written)), directory)


def save_page(results: Results, directory: Path) -> Path:
    """Write only the page, from results that were read from a file. Raises what `save` raises."""
    page = directory / PAGE
    write_whole(page, render(results).encode())
    return page


def load(directory: Path) -> Results:
    """The results saved in ``directory``.

    Raises:
        UsageError: there are none, or they cannot be read.
    """
    path = directory / RESULTS
    try:
        found = json_values(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"there is no {RESULTS} in {directory}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not JSON: {one_line(error)}") from error
    try:
        return read_results(found)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
