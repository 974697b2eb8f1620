"""Unit: what a handler's error means to the client, by Quart's own test client."""

from __future__ import annotations

import errno
import logging
from typing import Any

import pytest
import trio
from quart import request

from trio_lab.errors import BrokenWorkerError, QueueFull, RunTimeout
from trio_lab.http.unread import UnreadBody
from trio_lab.servers.trio.app import create_app


async def reply_to(error: Exception) -> tuple[int, Any, Any]:
    """Status, body and Retry-After when a handler raises this."""
    app = create_app()

    @app.get("/raises")
    async def _raises() -> str:
        raise error

    response = await app.test_client().get("/raises")
    return response.status_code, await response.get_json(), response.headers.get("Retry-After")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
async def test_a_lack_of_descriptors_is_a_503_and_no_bug(number: int, caplog: pytest.LogCaptureFixture) -> None:
    status, body, retry_after = await reply_to(OSError(number, "no more", "/a/path"))
    assert (status, body) == (503, {"error": "no more"})
    assert retry_after in ("1", "2", "3")
    assert not caplog.records


async def test_any_other_error_of_the_system_is_a_bug_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status, body, _ = await reply_to(OSError(errno.EIO, "broken"))
    assert (status, body) == (500, {"error": "Internal server error"})
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (BrokenWorkerError("it died"), 502, "it died"),
        (ConnectionResetError("it broke"), 502, "it broke"),
        (RunTimeout(), 504, "Gateway Timeout"),
        (QueueFull("q"), 503, "q is full"),
        (trio.ClosedResourceError(), 503, "The server is ending"),
    ],
)
async def test_only_a_closed_pool_says_that_the_server_is_ending(error: Exception, status: int, text: str) -> None:
    found, body, _ = await reply_to(error)
    assert (found, body["error"]) == (status, text)


@pytest.mark.parametrize("path", ["/slash", "/a//b", "/slash//"])
async def test_nothing_is_redirected(path: str) -> None:
    app = create_app()

    @app.get("/slash/")
    @app.get("/a/<name>")
    async def _found(**_: str) -> str:
        return "found"

    response = await app.test_client().get(path, headers={"Host": "evil.example"})
    assert (response.status_code, response.content_type) == (404, "application/json")


async def test_a_body_is_read_only_where_that_is_declared() -> None:
    app = create_app()
    app.body_routes["/declared"] = lambda query: 100

    @app.post("/<path>")
    async def _read_all(path: str) -> dict[str, int]:
        return {path: len(await request.get_data())}

    client = app.test_client()
    assert await (await client.post("/declared", data=b"abc")).get_json() == {"declared": 3}
    with pytest.raises(RuntimeError, match="body_routes"):
        await UnreadBody()
    assert (await client.post("/undeclared", data=b"abc")).status_code == 500
