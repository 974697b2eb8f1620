"""A server that tells its health and its stalls: how often it is asked for which."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
import trio

from tests.diagnose.test_gathering import IDLE
from trio_lab.doctor import service
from trio_lab.doctor.service import RunningServer
from trio_lab.records.codec import encode

_ROW = b'{"file": "app.py", "line": 7, "function": "f", "cause": "python", "count": 1, "total_ms": 9, "longest_ms": 9}'


class Telling:
    def __init__(self) -> None:
        self.asked: Counter[bytes] = Counter()

    async def __call__(self, stream: trio.SocketStream) -> None:
        async for data in stream:
            path = data.split(b" ")[1].partition(b"?")[0]
            self.asked[path] += 1
            body = b'{"table": [%b]}' % _ROW if path == b"/stalls" else encode(IDLE)
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.mark.parametrize(("period", "tables"), [(1000.0, 1), (0.0, 4)])
async def test_the_table_of_stalls_is_asked_for_less_often_than_the_rest(
    period: float, tables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_STALLS_PERIOD", period)
    telling = Telling()
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, telling, 0, host="127.0.0.1"))
        server = RunningServer(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
        seen = [await server.sample() for _ in range(4)]
        nursery.cancel_scope.cancel()
    assert telling.asked == {b"/health": 4, b"/stalls": tables}
    told = [health.stalls for health in seen if health is not None and health.stalls is not None]
    assert [stalls[0].total for stalls in told] == [pytest.approx(0.009)] * tables
