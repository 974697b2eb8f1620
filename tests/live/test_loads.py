"""Unit: the page of a lab starts one load at a time."""

from __future__ import annotations

import asyncio
import os

import pytest

from trio_lab.live.dashboard import Page
from trio_lab.live.http import Request
from trio_lab.worker.lifeline import close


def asked(page: Page, path: str = "/hash", **headers: str) -> Request:
    known = {"host": "127.0.0.1:9001", "origin": "http://127.0.0.1:9001", "x-token": page.token}
    return Request(method="POST", path="/load", query={}, headers=known | headers, body=path.encode())


def test_of_two_that_start_at_once_one_is_told_that_a_load_is_running() -> None:
    async def test() -> None:
        page = Page(lab="http://127.0.0.1:1")
        replies = await asyncio.gather(page.start_load(asked(page)), page.start_load(asked(page)))
        assert sorted(reply.status for reply in replies) == [200, 409]
        assert page._load is not None
        assert page._lifeline is not None
        close(page._lifeline)
        await page._load.wait()

    asyncio.run(test())


def test_a_load_that_cannot_be_started_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        page = Page(lab="http://127.0.0.1:1")
        monkeypatch.setattr("sys.executable", "/nowhere/python")
        opened = []
        for _ in range(3):
            assert (await page.start_load(asked(page))).status == 503
            opened.append(len(os.listdir("/proc/self/fd")))
        assert len(set(opened)) == 1
        assert page._lifeline is not None
        close(page._lifeline)

    asyncio.run(test())


def test_only_the_page_starts_a_load() -> None:
    async def test() -> None:
        page = Page(lab="http://127.0.0.1:1")
        for wrong in (asked(page, origin="http://evil.example"), asked(page, **{"x-token": "guessed"})):
            assert (await page.start_load(wrong)).status == 403
        assert (await page.start_load(asked(page, "/wait?ms=999999"))).status == 400
        assert (await Page().start_load(asked(page))).status == 404

    asyncio.run(test())
