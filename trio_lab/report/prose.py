"""Text from a results file as HTML. Every string of the page is escaped here."""

from __future__ import annotations

import html
import re


def text(value: object) -> str:
    """Plain text, escaped for an element or a quoted attribute."""
    return html.escape(str(value))


def sentence(value: str) -> str:
    """Text in which `backticks` mark code. Escaping comes first, so no other markup is possible."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text(value))


def paragraphs(value: str) -> str:
    """Prose whose paragraphs are separated by blank lines."""
    parts = (part.strip() for part in re.split(r"\n\s*\n", value))
    return "\n".join(f"<p>{sentence(part)}</p>" for part in parts if part)


def slug(value: str) -> str:
    """A name as a piece of an id: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:60]
