"""Unit: a lab that breaks down is the end of its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from trio_lab.config import Config
from trio_lab.errors import LabLost
from trio_lab.servers.asyncio import asgi
from trio_lab.servers.asyncio.serving import serve


def breaking_down(after: asyncio.Event | None) -> Any:
    """Stands in for `open_lab`; breaks down when the event comes, or at the start."""

    @asynccontextmanager
    async def open_lab(config: Config, **_: object) -> AsyncIterator[object]:
        async def break_down() -> None:
            if after is not None:
                await after.wait()
            raise ZeroDivisionError("a bug in a pool")

        async with asyncio.TaskGroup() as group:
            if after is None:
                await break_down()
            group.create_task(break_down())
            yield object()

    return open_lab


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_a_lab_that_breaks_down_is_the_end_of_its_server(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    async def test() -> None:
        ready = asyncio.Event()
        monkeypatch.setattr(asgi, "open_lab", breaking_down(ready if when == "later" else None))
        with pytest.raises(LabLost, match=r"ZeroDivisionError: a bug in a pool \(test_serving\.py:\d+\)") as caught:
            await serve(Config(port=0, grace=3600.0), on_ready=lambda url, app: ready.set())
        assert "\n" not in str(caught.value)

    asyncio.run(asyncio.wait_for(test(), 30))
