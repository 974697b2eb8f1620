"""Is the report accessible, and is nothing cut off? ``python -m tests.accessibility REPORT`` asks a browser.

Needs chromium and npm, so it is no part of the test suite. axe-core is installed into ``.axe`` once, and added to a copy of
the page: the page itself forbids foreign scripts. The copy is opened on a wide and on a narrow screen, light and dark, and
tells what axe found, what sticks out of the page, and whether arrow keys and pointer read the values of every chart. Serious
and critical findings, and anything that sticks out or cannot be read, make it fail.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_AXE = Path(".axe/node_modules/axe-core/axe.min.js")
_WIDTHS = (1280, 390)
_FAILING = ("serious", "critical")
_PROBE = """
<script>
addEventListener("load", async () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const found = await axe.run(document, { resultTypes: ["violations", "incomplete"] });
  const brief = (list) => list.map(({ id, impact, help, nodes }) => (
    { id, impact, help, where: nodes.map((node) => node.target.join(" ")) }));
  // On a narrow page, the head of a table is for screen readers only.
  const scrolls = (element) => element.closest(".chart, .words, thead");
  const right = document.documentElement.clientWidth + 1;
  const out = [...document.body.querySelectorAll("*")].filter((one) =>
    !scrolls(one.parentElement) && getComputedStyle(one).position !== "absolute" && one.getBoundingClientRect().right > right);
  const unread = [...document.querySelectorAll(".chart")].filter((chart) => {
    chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    const read = chart.querySelector("output").textContent;
    chart.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    const hidden = !chart.querySelector("output").textContent;
    const { left, width } = chart.querySelector(".plot").getBoundingClientRect();
    chart.dispatchEvent(new PointerEvent("pointermove", { clientX: left + width / 2 }));
    return !read.includes("\\n") || !hidden || !chart.querySelector("output").textContent.includes("\\n");
  });
  const result = {
    violations: brief(found.violations), incomplete: brief(found.incomplete), width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    out: [...new Set(out.map((one) => `${one.tagName}.${one.className}`))],
    unread: unread.map((chart) => chart.getAttribute("aria-label")), charts: document.querySelectorAll(".chart").length,
  };
  parent.postMessage(JSON.stringify(result), "*");
});
</script>
"""


# A window has a least width, a frame has none. It is dark only if what is around it may be.
_FRAME = """<meta charset="utf-8"><meta name="color-scheme" content="light dark"><pre id="found"></pre>
<script>onmessage = ({{ data }}) => {{ found.textContent = encodeURIComponent(data); }};</script>
<iframe src="page.html" width="{width}" height="900" style="border: 0"></iframe>"""


def main(report: Path) -> int:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("chromium is needed")
    page = (report / "index.html" if report.is_dir() else report).read_text(encoding="utf-8")
    bad = 0
    for width, dark in product(_WIDTHS, (False, True)):
        found = _asked(browser, _with_axe(page), width, dark=dark)
        bad += _told(found)
    return int(bad > 0)


def _axe() -> str:
    if not _AXE.exists():
        folder = _AXE.parents[2]
        folder.mkdir(exist_ok=True)
        command = ["npm", "install", "--silent", "--no-save", "--prefix", str(folder), "axe-core"]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return _AXE.read_text(encoding="utf-8")


def _with_axe(page: str) -> str:
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    before, end, after = free.rpartition("</body>")
    return f"{before}<script>{_axe()}</script>{_PROBE}{end}{after}"


def _asked(browser: str, page: str, width: int, *, dark: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.html"
        frame.write_text(_FRAME.format(width=width), encoding="utf-8")
        frame.with_name("page.html").write_text(page, encoding="utf-8")
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"),
            *("--window-size=1400,1000", f"--blink-settings=preferredColorScheme={0 if dark else 1}"),
            *("--virtual-time-budget=60000", "--dump-dom", frame.as_uri()),
        ]
        dumped = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    written = re.search(r'<pre id="found">([^<]+)</pre>', dumped)
    if written is None:
        raise SystemExit("the page has not answered")
    found: dict[str, Any] = json.loads(unquote(written[1]))
    return found


def _told(found: dict[str, Any]) -> int:
    """Print what was found on one screen; returns how much of it is bad."""
    serious = [one for one in found["violations"] if one["impact"] in _FAILING]
    print(
        f"{found['width']} px, {'dark' if found['dark'] else 'light'}: {len(found['violations'])} findings, "
        f"{len(serious)} serious, {len(found['out'])} elements stick out, {len(found['unread'])} of {found['charts']} "
        "charts cannot be read with the arrow keys or the pointer"
    )
    for one in found["violations"]:
        print(f"  {one['impact']}: {one['help']} ({one['id']}): {', '.join(one['where'][:3])}")
    for one in found["out"] + found["unread"]:
        print(f"  {one}")
    unsure = ", ".join(f"{one['id']} ({len(one['where'])})" for one in found["incomplete"])
    if unsure:
        print(f"  not decided by axe: {unsure}")
    return len(serious) + len(found["out"]) + len(found["unread"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
