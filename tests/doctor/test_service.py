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
from trio_lab.records.health import Health

_ROW = b'{"file": "app.py", "line": 7, "function": "f", "cause": "python", "count": 1, "total_ms": 9, "longest_ms": 9}'


class Telling:
    """``refuses`` are those of its answers to a path that are none: the connection is closed."""

    def __init__(self, **refuses: set[int]) -> None:
        self.asked: Counter[bytes] = Counter()
        self._refuses = {f"/{name}".encode(): numbers for name, numbers in refuses.items()}

    async def __call__(self, stream: trio.SocketStream) -> None:
        async for data in stream:
            path = data.split(b" ")[1].partition(b"?")[0]
            self.asked[path] += 1
            if self.asked[path] in self._refuses.get(path, ()):
                return
            body = b'{"table": [%b]}' % _ROW if path == b"/stalls" else encode(IDLE)
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def samples(telling: Telling) -> list[Health | None]:
    """Four of them."""
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, telling, 0, host="127.0.0.1"))
        server = RunningServer(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
        found = [await server.sample() for _ in range(4)]
        nursery.cancel_scope.cancel()
    return found


@pytest.mark.parametrize(("period", "tables"), [(1000.0, 1), (0.0, 4)])
async def test_the_table_of_stalls_is_asked_for_less_often_than_the_rest(
    period: float, tables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_STALLS_PERIOD", period)
    telling = Telling()
    seen = await samples(telling)
    assert telling.asked == {b"/health": 4, b"/stalls": tables}
    told = [health.stalls for health in seen if health is not None and health.stalls is not None]
    assert [stalls[0].total for stalls in told] == [pytest.approx(0.009)] * tables


@pytest.mark.parametrize(
    ("refuses", "healths", "tables"),
    [
        ({"health": {2}}, [True, False, True, True], 3),
        ({"health": {1}}, [False] * 4, 0),  # it has never told of itself, and is a black box
        ({"stalls": {2}}, [True] * 4, 3),
        ({"stalls": {1}}, [True] * 4, 0),
    ],
)
async def test_what_has_told_of_itself_is_asked_again_when_it_refused_once(
    refuses: dict[str, set[int]], healths: list[bool], tables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_STALLS_PERIOD", 0.0)
    seen = await samples(Telling(**refuses))
    assert [health is not None for health in seen] == healths
    assert sum(health is not None and health.stalls is not None for health in seen) == tables
