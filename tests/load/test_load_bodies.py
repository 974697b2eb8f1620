"""The generator's requests with a body, against servers that take them, slowly or not at all."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio
import trio.testing
from scripted_server import reply, serving

from trio_lab.errors import UsageError
from trio_lab.load.generator import run_load
from trio_lab.load.plan import LoadPlan
from trio_lab.load.target import Target

BODY = b"0123456789abcdef" * 500_000  # 8 MB: more than any socket's buffers hold


async def read_head(stream: trio.SocketStream) -> tuple[bytes, bytes]:
    """The head of a request, and what came of its body with it; nothing when the client has left."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = await stream.receive_some(1000)
        if not piece:
            return b"", b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


async def test_a_body_comes_whole_and_once_for_every_request() -> None:
    heads: list[bytes] = []

    async def script(stream: trio.SocketStream) -> None:
        while True:
            head, body = await read_head(stream)
            if not head:
                return
            heads.append(head)
            while len(body) < len(BODY):
                body += await stream.receive_some(100_000)
            assert body == BODY
            await stream.send_all(reply())

    async with serving(script) as url:
        plan = LoadPlan(url=url, connections=2, duration=1.0, timeout=60.0, body=BODY, content_type="text/plain")
        result = (await run_load(plan)).result
    assert result.requests.ok == result.requests.sent == len(heads) > 0
    assert all(head.startswith(b"POST / HTTP/1.1\r\n") for head in heads)
    assert all(b"Content-Length: 8000000\r\nContent-Type: text/plain" in head for head in heads)


async def test_a_reply_before_the_end_counts_and_ends_the_connection() -> None:
    connections = 0

    async def script(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await read_head(stream)
        await stream.send_all(reply(status=413))
        await stream.receive_some(1)  # no more than a byte of what is still coming

    async with serving(script) as url:
        result = (await run_load(LoadPlan(url=url, connections=1, duration=0.5, timeout=60.0, body=BODY))).result
    assert result.status.keys() == {"413"}
    assert result.requests.completed == result.requests.sent == result.requests.errors
    assert connections >= result.requests.sent


async def test_a_server_that_never_reads_is_a_time_out() -> None:
    async def script(stream: trio.SocketStream) -> None:
        await read_head(stream)
        await trio.sleep_forever()

    async with serving(script) as url:
        result = (await run_load(LoadPlan(url=url, connections=1, duration=0.3, timeout=0.2, body=BODY))).result
    assert result.requests.timed_out == result.requests.sent > 0


def room() -> int:
    """How many bytes a new Unix socket takes that nobody reads."""
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        return one.send(BODY)


async def test_a_reply_to_what_is_still_unread_leaves_no_room_for_the_next_request(tmp_path: Path) -> None:
    url, whole = "http://any.example/", room()
    head = len(Target.parse(url).request(LoadPlan(url=url, body=bytes(whole)))) - whole

    async def script(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        await trio.lowlevel.wait_readable(stream.socket)
        await stream.send_all(reply())
        await trio.testing.wait_all_tasks_blocked(0.01)
        unread = 2 * whole
        while unread:
            unread -= len(await stream.receive_some(unread))
        await stream.send_all(reply())

    async with serving(script, unix=tmp_path / "socket"):
        plan = LoadPlan(
            url=url,
            unix_socket=str(tmp_path / "socket"),
            connections=1,
            requests=2,
            timeout=60.0,
            body=bytes(whole - head),
        )
        result = (await run_load(plan)).result
    assert (result.error_kinds, result.requests.ok, result.generator.reconnects) == ({}, 2, 0)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_must_not_be_done_twice_is_not_tried_again(method: str) -> None:
    async def script(stream: trio.SocketStream) -> None:
        await read_head(stream)
        await stream.send_all(reply())
        await read_head(stream)  # and closes without a word when it is asked again

    async with serving(script) as url:
        result = (
            await run_load(LoadPlan(url=url, connections=1, duration=0.5, timeout=60.0, method=method, body=b"x"))
        ).result
    assert result.requests.ok > 0
    assert (result.requests.errors == 0) == (method == "PUT")


async def test_rubbish_in_the_midst_of_a_body_is_an_error_and_not_tried_again() -> None:
    """By the second request of a connection. One that the server had closed by then would be sent again."""

    async def script(stream: trio.SocketStream) -> None:
        _, body = await read_head(stream)
        while len(body) < len(BODY):
            body += await stream.receive_some(100_000)
        await stream.send_all(reply())
        await read_head(stream)
        await stream.send_all(b"rubbish\r\n\r\n")
        await trio.sleep_forever()

    async with serving(script) as url:
        run = await run_load(LoadPlan(url=url, connections=1, requests=2, timeout=60.0, method="PUT", body=BODY))
    assert (run.result.requests.ok, run.result.error_kinds) == (1, {"malformed reply": 1})


def test_a_request_says_how_long_its_body_is() -> None:
    target = Target.parse("http://localhost/x")
    assert (
        target.request(LoadPlan(url="", method="DELETE"))
        == b"DELETE /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    )
    assert target.request(LoadPlan(url="", method="PUT", body=b"ab", content_type="text/plain")) == (
        b"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nab"
    )


def test_a_plan_knows_its_method() -> None:
    assert LoadPlan(url="http://x/").verb == "GET"
    assert LoadPlan(url="http://x/", body=b"x").verb == "POST"
    assert LoadPlan(url="http://x/", body=b"x", method="PUT").verb == "PUT"
    with pytest.raises(UsageError, match="method must be one of GET, HEAD, POST"):
        LoadPlan(url="http://x/", method="TRACE")
