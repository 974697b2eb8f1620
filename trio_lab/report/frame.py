"""The frame of every page: one HTML file that needs nothing else, no network and no other file.

The content security policy in the head forbids every load, and every script but ours, which is named by its hash. So a
results file of unknown origin can at worst look odd. The script only shows values under the pointer (``values.js``).
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from string import Template

from trio_lab.report.prose import text

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<main>
<header class="top">
<p class="eyebrow">$eyebrow</p>
<h1>$lead</h1>
$facts
</header>
$summary
$contents
<div class="body">
$body
</div>
</main>
<script>
$script</script>
</body>
</html>
""")


def framed(*, title: str, eyebrow: str, lead: str, facts: str, body: str, summary: str = "", contents: str = "") -> str:
    """A whole page. All but the title is HTML."""
    script = asset("values.js")
    return _PAGE.substitute(
        title=text(title),
        style=asset("style.css"),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '{_hash(script)}'",
        script=script,
        eyebrow=eyebrow,
        lead=lead,
        facts=facts,
        summary=summary,
        contents=contents,
        body=body,
    )


def asset(name: str) -> str:
    """The text of a file of this package."""
    return files("trio_lab.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """The name of a script in a content security policy. The page has a line break before it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
