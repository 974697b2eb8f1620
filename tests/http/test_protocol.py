"""Unit: the protocol of both servers, with bytes in and bytes out. (End to end it is held by the contract suite.)"""

from __future__ import annotations

import json
from typing import Any

import h11
import hypercorn.config
import pytest
import trio
import trio.testing
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.worker_context import WorkerContext

from trio_lab.http.protocol import LabProtocol

ASKED = b"%s / HTTP/1.1\r\nHost: x\r\n\r\n"
WITH_A_LENGTH = h11.Response(status_code=200, headers=[("content-length", "3")])
IN_CHUNKS = h11.Response(status_code=200, headers=[("transfer-encoding", "chunked")])


class Tasks:
    """Keeps what an app would have been given, in place of running one."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.messages: list[Any] = []

    async def spawn_app(self, app: object, config: object, scope: Any, send: object) -> Any:
        self.scopes.append(scope)

        async def put(message: Any) -> None:
            self.messages.append(message)

        return put


class Talk:
    """A protocol, and the pieces that it has handed to its connection."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False
        self.tasks: Any = Tasks()
        app: Any = None
        context, config = WorkerContext(None), hypercorn.config.Config()
        self.protocol = LabProtocol(app, config, context, self.tasks, {}, False, None, None, self._send)  # type: ignore[arg-type]

    async def _send(self, event: Event) -> None:
        if isinstance(event, RawData):
            self.sent.append(event.data)
        self.closed |= isinstance(event, Closed)

    async def receive(self, data: bytes) -> None:
        await self.protocol.handle(RawData(data))

    async def reply(self, *events: Any) -> None:
        for event in events:
            await self.protocol._send_h11_event(event)


@pytest.mark.parametrize(("method", "body"), [(b"GET", b"abc"), (b"HEAD", b"")])
async def test_a_short_reply_is_sent_at_once(method: bytes, body: bytes) -> None:
    talk = Talk()
    await talk.receive(ASKED % method)
    await talk.reply(WITH_A_LENGTH)
    assert talk.sent == []
    await talk.reply(*([h11.Data(data=body)] if body else []), h11.EndOfMessage())
    (reply,) = talk.sent
    assert reply.startswith(b"HTTP/1.1 200")
    assert reply.endswith(b"\r\n\r\n" + body)


async def test_a_body_in_pieces_is_sent_in_pieces() -> None:
    talk = Talk()
    await talk.receive(ASKED % b"GET")
    await talk.reply(IN_CHUNKS, h11.Data(data=b"one"), h11.Data(data=b"two"), h11.EndOfMessage())
    assert [b"one" in data for data in talk.sent] == [True, False, False]
    assert talk.sent[2] == b"0\r\n\r\n"


@pytest.mark.parametrize("offer", [b"h2c", b"websocket"])
async def test_an_offer_to_upgrade_is_ignored(offer: bytes) -> None:
    talk = Talk()
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk.receive, head % offer)  # h11 reads on when it sees that the reply accepts no offer
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert type(talk.protocol.stream) is HTTPStream
    (scope,) = talk.tasks.scopes
    assert (scope["type"], scope["http_version"]) == ("http", "1.1")
    assert [name for name, _ in scope["headers"]] == [b"host", b"connection"]
    assert talk.sent == []


async def test_http_2_by_prior_knowledge_is_a_request_like_any_other() -> None:
    talk = Talk()
    await talk.receive(b"PRI * HTTP/2.0\r\n\r\n")
    assert [scope["http_version"] for scope in talk.tasks.scopes] == ["2.0"]  # the app refuses it


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_what_h11_refuses_is_answered_in_json_and_closed(method: bytes) -> None:
    talk = Talk()
    await talk.receive(method + b" / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    (reply,) = talk.sent
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"connection: close" in head
    assert body == b"" if method == b"HEAD" else json.loads(body) == {"error": "Bad Request"}
    assert talk.closed
    assert talk.tasks.messages[-1] == {"type": "http.disconnect"}  # the app is told, and no other reply is sent
    assert talk.protocol.stream is None


async def test_a_reply_that_is_on_its_way_is_known() -> None:
    talk = Talk()
    assert not talk.protocol.is_replying
    await talk.receive(ASKED % b"GET")
    assert not talk.protocol.is_replying
    await talk.reply(WITH_A_LENGTH)
    assert talk.protocol.is_replying
    await talk.reply(h11.Data(data=b"abc"), h11.EndOfMessage())
    assert talk.protocol.is_replying  # until its stream is closed
    await talk.protocol._maybe_recycle()
    assert not talk.protocol.is_replying
