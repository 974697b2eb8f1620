"""`trio-lab report`."""

from __future__ import annotations

from pathlib import Path

from ..experiments.runner import judged_again
from ..records.codec import encode
from ..report.files import load, save, save_page
from .flags import Json
from .tables import show

OUT = Path("trio-lab-report")


def report(folder: Path = OUT, /, *, json_: Json = False) -> None:
    """Make the report again from a folder's results.json, verdicts included.

    Parameters
    ----------
    folder
        Where results.json is.
    """
    loaded = load(folder)
    results = judged_again(loaded)
    # Without a changed verdict the file is not written: a newer version may have put more into it than this one reads.
    page = save_page(results, folder) if results == loaded else save(results, folder)
    if json_:
        print(encode(results).decode())
    else:
        show(results)
        print(f"report: {page}")
