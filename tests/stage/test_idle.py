"""End to end: connections that are kept, and those that a server closes when nobody asks for anything."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import trio

from tests.running import running
from tests.waiting import wait_until
from trio_lab.http.runtimes import RUNTIMES, lack
from trio_lab.stage.idle import idle_connections


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_idle_connections_are_kept_as_long_as_the_server_is_told(runtime: str) -> None:
    if lack(runtime) is not None:
        pytest.skip(f"{runtime} is not here")
    with running("--keep-alive", "3600", runtime=runtime) as server:
        async with idle_connections(server.url, 40) as held:
            assert held.alive() == 40
    with running("--keep-alive", "0.3", runtime=runtime) as server:
        async with idle_connections(server.url, 40) as held:
            await wait_until(lambda: not held.alive())


async def test_a_server_that_is_not_there_is_an_error() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.RaisesGroup(ConnectionRefusedError, flatten_subgroups=True):
        async with idle_connections(f"http://127.0.0.1:{port}", 1):
            raise AssertionError("nobody is there")


def test_descriptors_are_raised_as_far_as_the_hard_limit_lets_them() -> None:
    program = (
        "import json, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300));"
        "from trio_lab.measure.descriptors import room_for;"
        "print(json.dumps([room_for(50), room_for(200), room_for(1000), resource.getrlimit(resource.RLIMIT_NOFILE)]))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60).stdout
    assert json.loads(said) == [100, 200, 300, [300, 300]]
