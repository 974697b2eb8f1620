"""Unit: what only the bulkhead on asyncio has."""

from __future__ import annotations

import asyncio

import pytest

from trio_lab.admission.on_asyncio import Bulkhead


def test_a_caller_that_is_cancelled_while_it_waits_is_told_the_reason() -> None:
    async def main() -> None:
        b = Bulkhead("test", capacity=0)
        caller = asyncio.create_task(b.enter())
        await asyncio.sleep(0)
        assert b.waiting == 1
        caller.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await caller

    asyncio.run(main())
