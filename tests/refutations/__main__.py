"""Does each experiment refute itself when its claim is false? ``python -m tests.refutations [NAME ...]``.

Every experiment is run twice in its quick form: with its plant, and as it is. The plant has to be noticed by the check that
it is made for, and the experiment must not be refuted without it. The table in the docs gets a new line for each.
"""

from __future__ import annotations

import sys

from . import page
from .found import refutation
from .plants import PLANTS


def main(names: list[str]) -> int:
    if unknown := set(names) - set(PLANTS):
        print(f"No such experiment: {', '.join(sorted(unknown))}.")
        return 2
    names, missed = names or list(PLANTS), []
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name}", flush=True)
        if not _noticed(name):
            missed.append(name)
    print(f"{len(names) - len(missed)} of {len(names)} experiments noticed their plants: see docs/{page.PAGE.name}")
    if missed:
        print(f"Not noticed: {', '.join(missed)}")
    return 1 if missed else 0


def _noticed(name: str) -> bool:
    """Whether it was; the table gets its line."""
    try:
        found = refutation(name, PLANTS[name], say=lambda text: print(f"    {text}", flush=True))
    except RuntimeError as error:
        print(f"    {error}")
        return False
    row = page.row(name, found)
    page.PAGE.write_text(page.with_row(page.PAGE.read_text("utf-8"), name, row), "utf-8")
    if not found.holds:
        print(f"    NOT NOTICED: {row}", flush=True)
    return found.holds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
