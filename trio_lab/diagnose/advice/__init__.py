"""What to do about each finding, as prose for people: one Markdown file for each rule, under the rule's id."""

from __future__ import annotations

from importlib.resources import files


def advice_of(finding: str) -> str:
    """The advice for a finding, Markdown.

    Raises:
        FileNotFoundError: there is no rule of this id.
    """
    return (files(__name__) / f"{finding}.md").read_text(encoding="utf-8")
