"""The page in a real browser, beside the real server under real load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.chromium import Tab, needs_chromium, tab
from tests.running import Running, running

pytestmark = needs_chromium

_STATE = "document.body.dataset.state"
_MARK = '.plot button[aria-label*="work.py"]'  # of a stall of /sync-hash
_FITS = "document.documentElement.scrollWidth <= innerWidth"
_UNNAMED = """[...document.querySelectorAll("button, [role=img], section, table th")].filter((one) =>
  !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.textContent.trim())).length"""
_UPDATES = """new Promise((resolve) => {
  const texts = new Set();
  const shown = setInterval(() => texts.add(document.getElementById("runtime").textContent + document.getElementById("passes")
    .querySelector("path").getAttribute("d")), 100);
  setTimeout(() => { clearInterval(shown); resolve(texts.size); }, 3500);
})"""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running("--live", "--threads", "2") as server:
        yield server


@contextmanager
def load(server: Running, path: str) -> Iterator[None]:
    command = [sys.executable, "-m", "trio_lab", "load", f"{server.url}{path}", "-c", "8", "-d", "60"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as loading:
        try:
            yield
        finally:
            loading.kill()


def clean(page: Tab) -> None:
    """Nothing went wrong, and nothing was asked for elsewhere."""
    assert page.errors == []
    assert {urlsplit(url).hostname for url in page.urls if not url.startswith("data:")} == {"127.0.0.1"}


def test_a_stall_and_the_first_queue_are_shown(server: Running) -> None:
    with tab() as page:
        page.open(f"{server.live}/", width=1280)
        page.until(f"{_STATE} === 'passing'")
        names = page.evaluate("[...document.querySelectorAll('#row h3')].map((one) => one.textContent)")
        assert names[:4] == ["accept backlog", "run queue", "admission", "native pool"]
        with load(server, "/sync-hash?rounds=200000"):
            page.until(f"document.querySelector('{_MARK}') !== null")
            assert page.evaluate(_UPDATES) >= 4
            page.until(f"(document.querySelector('{_MARK}')?.click(), document.getElementById('stall').textContent)")
            said = page.evaluate("document.getElementById('stall').textContent")
            assert "work.py:" in said
            assert "route GET /sync-hash" in said
        with load(server, "/hash?rounds=200000"):
            page.until("document.querySelector('li.first h3')?.textContent === 'native pool'")
            assert page.evaluate(_STATE) == "held"
        assert page.evaluate(_UNNAMED) == 0
        clean(page)


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_telephone_in_both_colours(server: Running, dark: bool) -> None:
    with tab() as page:
        page.open(f"{server.live}/", width=390, height=800, dark=dark)
        page.until("document.querySelectorAll('#row li').length > 4")
        page.until("document.querySelectorAll('#workers li').length > 0")
        assert page.evaluate(_FITS)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(18, 22, 28)" if dark else "rgb(246, 247, 249)"
        )
        clean(page)


def test_only_the_page_starts_a_load(server: Running) -> None:
    host = urlsplit(server.live).netloc
    live = Running(server.process, server.live)
    token = json.loads(live.exchange("/loads")[2])["token"]
    for headers in (
        {},
        {"Origin": f"http://{host}"},
        {"X_Token": token},
        {"Origin": "http://evil.example", "X_Token": token},
    ):
        assert live.exchange("/load", "POST", **headers)[0] == 403
    with tab() as page:
        page.open(f"{server.live}/", width=1280)
        page.until("document.querySelectorAll('#loads button').length === 5")
        page.evaluate("[...document.querySelectorAll('#loads button')].at(-1).click()")
        page.until("document.getElementById('loading').textContent === '/health: it runs'")
        page.evaluate("document.querySelector('#loads button').click()")
        page.until("document.getElementById('loading').textContent === '/hash: a load is running'")
