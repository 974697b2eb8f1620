"""Unit: every request is counted once, however it ended."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from trio_lab.admission.retry_after import retry_after
from trio_lab.config import Config
from trio_lab.errors import QueueFull
from trio_lab.http.pool_job import Done, Held, PoolJob
from trio_lab.http.requests import Requests
from trio_lab.servers.asyncio.app import create_app as create_asyncio_app
from trio_lab.servers.trio.app import create_app


async def test_a_request_is_counted_when_it_has_ended() -> None:
    requests, sent = Requests(), []

    async def send(message: Any) -> None:
        sent.append(message)

    with requests.counted(send) as reply:
        reply.label = "GET /hash"
        await reply.send({"type": "http.response.start", "status": 503})
        await reply.send({"type": "http.response.body", "body": b""})
        assert (requests.active, requests.totals()) == (1, ())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    [route] = requests.totals()
    assert (route.method, route.route, route.statuses, route.left) == ("GET", "/hash", {"503": 1}, 0)
    assert (requests.active, route.duration.count) == (0, 1)


async def test_a_client_that_left_before_its_reply_has_no_status() -> None:
    requests = Requests()
    with suppress(RuntimeError), requests.counted(None) as reply:
        reply.label = "GET /hash"
        raise RuntimeError
    [route] = requests.totals()
    assert (route.statuses, route.left, route.duration.count) == ({}, 1, 1)


def test_a_held_request_has_its_duration_from_when_it_was_held() -> None:
    requests = Requests()
    with requests.counted(None, begun=-1e6) as reply:
        reply.label = "GET /hash"
    assert requests.totals()[0].duration.total > 1e6


class Left(BaseException):
    """A cancellation: the client has left."""


class _Refusing:
    """A lab whose pools do to every job what they are told."""

    def __init__(self, does: BaseException | None) -> None:
        self._does = does

    async def do(self, job: PoolJob, *, since: float) -> Done:
        if self._does is not None:
            raise self._does
        return Done(value=1, took=0.1)


@pytest.mark.parametrize("create", [create_app, create_asyncio_app])
@pytest.mark.parametrize(("does", "statuses", "left"), [(QueueFull("native_pool"), {"503": 1}, 0), (Left(), {}, 1)])
async def test_a_request_that_is_lost_while_it_is_held_is_counted(
    create: Any, does: BaseException, statuses: dict[str, int], left: int
) -> None:
    app = create(Config())
    app.lab = _Refusing(does)
    with pytest.raises(type(does)):
        await app.run_held("/hash", PoolJob(fn=retry_after, args=(), kind="hash"))
    [route] = app.requests.totals()
    assert (route.route, route.statuses, route.left) == ("/hash", statuses, left)


@pytest.mark.parametrize("create", [create_app, create_asyncio_app])
@pytest.mark.parametrize("does", [None, ValueError("planted")])
async def test_a_held_request_whose_job_has_ended_is_counted_when_it_is_answered(
    create: Any, does: BaseException | None
) -> None:
    app = create(Config())
    app.lab = _Refusing(does)
    held: Held = await app.run_held("/hash", PoolJob(fn=retry_after, args=(), kind="hash"))
    assert held.begun is not None
    assert app.requests.totals() == ()
