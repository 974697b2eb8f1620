"""In this process: what a request that waits receives, on asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

from trio_lab.asgi.on_asyncio import AsyncioInbox


def test_a_closed_inbox_receives_no_more_even_if_a_message_has_just_come() -> None:
    async def run() -> int:
        receives, sent = 0, asyncio.Event()

        async def receive() -> Any:
            nonlocal receives
            receives += 1
            await sent.wait()
            return {"type": "http.request", "body": b"", "more_body": True}

        inbox = AsyncioInbox(receive)
        inbox.begin(lambda: None)
        pending = inbox._pending
        await asyncio.sleep(0)
        sent.set()
        while pending is not None and not pending.done():
            await asyncio.sleep(0)
        inbox.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return receives

    assert asyncio.run(run()) == 1
