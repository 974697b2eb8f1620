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
from hypercorn.protocol.events import EndBody, Response
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.worker_context import WorkerContext

from trio_lab.http.protocol import WANTED, LabProtocol

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
        self.context, config = WorkerContext(None), hypercorn.config.Config()
        self.protocol = LabProtocol(app, config, self.context, self.tasks, {}, False, None, None, self._send)  # type: ignore[arg-type]

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


@pytest.mark.parametrize("method", [b"head", b"Get", b"BREW"])
async def test_the_app_is_told_the_method_as_it_was_sent(method: bytes) -> None:
    talk = Talk()
    await talk.receive(ASKED % method)
    assert [scope["method"] for scope in talk.tasks.scopes] == [method.decode()]


WAITING = b"POST / HTTP/1.%d\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"


async def test_a_client_that_waits_for_a_100_gets_it_once_when_its_body_is_wanted() -> None:
    talk = Talk()
    await talk.receive(WAITING % 1)
    assert talk.sent == []
    want = talk.tasks.scopes[0]["state"][WANTED]
    await want()
    await want()
    (informational,) = talk.sent
    assert informational.startswith(b"HTTP/1.1 100 ")


async def test_a_body_that_has_come_is_not_asked_for() -> None:
    talk = Talk()
    await talk.receive(WAITING % 1 + b"abc")
    await talk.tasks.scopes[0]["state"][WANTED]()
    assert talk.sent == []


@pytest.mark.parametrize("head", [WAITING % 0, ASKED % b"GET"])
async def test_no_other_client_gets_a_100(head: bytes) -> None:
    talk = Talk()
    await talk.receive(head)
    assert WANTED not in talk.tasks.scopes[0]["state"]


async def test_a_refusal_before_the_body_closes_and_says_so() -> None:
    talk = Talk()
    await talk.receive(WAITING % 1)
    await talk.protocol.stream_send(Response(stream_id=1, headers=[(b"content-length", b"0")], status_code=404))
    await talk.protocol.stream_send(EndBody(stream_id=1))
    (reply,) = talk.sent
    assert b"\r\nconnection: close\r\n" in reply.lower()


@pytest.mark.parametrize("piece", [1, 3, 1000])
async def test_empty_lines_before_a_request_are_skipped(piece: int) -> None:
    talk = Talk()
    said = b"\r\n" * 3 + ASKED % b"GET"
    for at in range(0, len(said), piece):
        await talk.receive(said[at : at + piece])
    assert len(talk.tasks.scopes) == 1
    assert talk.sent == []


async def test_a_head_with_two_readings_is_a_400() -> None:
    talk = Talk()
    await talk.receive(b"GET / HTTP/1.1\r\nHost: x\n\r\n")
    (reply,) = talk.sent
    assert reply.startswith(b"HTTP/1.1 400")
    assert talk.closed
    await talk.receive(ASKED % b"GET")
    assert not talk.tasks.scopes
    assert len(talk.sent) == 1


@pytest.mark.parametrize("rest", [b"\r\n", ASKED % b"GET", b"\0rubbish"])
@pytest.mark.parametrize("last", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
async def test_what_follows_the_last_request_is_not_heard(last: bytes, rest: bytes) -> None:
    talk = Talk()
    await talk.receive(last + rest)
    assert not talk.protocol.hears
    await talk.receive(rest)
    assert len(talk.tasks.scopes) == 1
    assert (talk.sent, talk.closed) == ([], False)


async def test_the_beginning_of_a_reply_may_be_sent_before_the_rest_is_known() -> None:
    talk = Talk()
    await talk.protocol.begin_reply()
    assert talk.sent == []  # nothing was asked
    await talk.receive(ASKED % b"GET")
    await talk.receive(b"")
    await talk.protocol.begin_reply()
    await talk.protocol.begin_reply()
    await talk.reply(WITH_A_LENGTH, h11.Data(data=b"abc"), h11.EndOfMessage())
    await talk.protocol.begin_reply()
    assert talk.sent[0] == b"HTTP/1.1 "
    assert len(talk.sent) == 2
    assert b"".join(talk.sent).startswith(b"HTTP/1.1 200 ")


async def test_a_pipelined_request_does_not_hold_up_the_end() -> None:
    """The server is ending: the request that waits behind the present one is not served, and its reader is let go."""
    talk = Talk()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk.receive, ASKED % b"GET" * 2)
        await trio.testing.wait_all_tasks_blocked()
        await talk.context.terminated.set()
        await talk.reply(WITH_A_LENGTH, h11.Data(data=b"abc"), h11.EndOfMessage())
        await talk.protocol._maybe_recycle()
    assert talk.closed
    assert len(talk.tasks.scopes) == 1
