"""End to end: the admission in front of both Python servers carries a caller's deadline to the pools."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.watching import until
from tests.running import running


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_a_request_waits_for_a_pool_no_longer_than_its_deadline(runtime: str) -> None:
    with running("--threads", "1", runtime=runtime) as server, ThreadPoolExecutor(1) as clients:
        long = clients.submit(server.exchange, "/wait?ms=1500")
        until(lambda: server.queues()["native_pool"]["in_service"] == 1)
        status, _, body = server.exchange("/wait?ms=1", x_request_deadline="50ms")
        assert (status, b"native_pool had no place in time" in body) == (503, True)
        assert server.queues()["native_pool"]["timed_out"] == 1
        assert server.queues()["admission"]["in_service"] == 1
        assert long.result()[0] == 200
