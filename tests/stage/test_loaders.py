"""End to end: a load that another process runs is the one that was asked for."""

from __future__ import annotations

import trio

from trio_lab.load.patience import Patience
from trio_lab.load.retry import Retry
from trio_lab.stage.stage import Stage


async def test_patience_and_retries_reach_the_generator() -> None:
    async def hold(stream: trio.SocketStream) -> None:
        async with stream:
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listener, *_ = await nursery.start(trio.serve_tcp, hold, 0)
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
        found = await Stage(quick=True).load(
            url,
            connections=2,
            stages=((0.3, 20.0),),
            leave_after=Patience(seconds=(0.02, 0.03)),
            retry=Retry(most=1, first=0.01),
        )
        nursery.cancel_scope.cancel()
    assert found.retries is not None
    assert found.retries.retries > 0
    assert found.requests.timed_out == found.requests.sent
    assert found.latency.max < 5.0
