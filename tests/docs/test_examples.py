"""The example on the page about the watch is the file that runs."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_watched_example_is_the_file() -> None:
    example = (DOCS / "examples" / "watched.py").read_text(encoding="utf-8")
    assert f"```python\n{example}```" in (DOCS / "observe.md").read_text(encoding="utf-8")
