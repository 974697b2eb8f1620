from __future__ import annotations

import json

import pytest
import trio
from scripted_server import dribbling, reply, replying, sending_once, serving, silent, slamming

from trio_lab.errors import UsageError
from trio_lab.load.client import fetch


async def test_a_reply_comes_whole() -> None:
    body = json.dumps({"a": 1}).encode()
    async with serving(replying(reply(body, status=503, extra=b"Retry-After: 1\r\n"))) as url:
        got = await fetch(url)
    assert (got.status, got.body, got.headers["retry-after"]) == (503, body, "1")
    assert got.latency > 0


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + reply(b"real"), b"real"),
        (reply(b"first") + reply(b"second"), b"first"),
        (reply(b"z" * 300_000), b"z" * 300_000),
    ],
)
async def test_every_framing(data: bytes, body: bytes) -> None:
    async with serving(sending_once(data)) as url:
        assert (await fetch(url)).body == body


async def test_pieces() -> None:
    async with serving(dribbling) as url:
        assert (await fetch(url)).body == b"slowly"


@pytest.mark.parametrize("script", [slamming, sending_once(b"nonsense"), sending_once(reply(b"whole")[:-2])])
async def test_no_whole_reply_is_an_os_error(script) -> None:
    async with serving(script) as url:
        with pytest.raises(OSError, match=r"closed the connection|broke|not HTTP"):
            await fetch(url)


async def test_silence_is_too_slow() -> None:
    async with serving(silent) as url:
        with pytest.raises(trio.TooSlowError):
            await fetch(url, timeout=0.05)


@pytest.mark.parametrize("host", ["a..b", "a" * 70])
async def test_a_host_name_that_cannot_be_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError, match="is not a valid host name"):
        await fetch(f"http://{host}/")


async def test_bad_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        await fetch("localhost:3000")
