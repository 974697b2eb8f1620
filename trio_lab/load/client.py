"""One request and its whole reply, for probes and for experiments that read JSON: no load, no statistics."""

from __future__ import annotations

import time
from dataclasses import dataclass

import h11
import trio

from trio_lab.load.target import Target
from trio_lab.load.tls import client_context

_RECEIVE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole reply. Header names are in lower case; of a repeated header the last one is kept."""

    status: int
    headers: dict[str, str]
    body: bytes
    latency: float  # seconds, from before the connection was opened to the last byte


async def fetch(url: str, *, body: bytes | None = None, timeout: float = 5.0, insecure: bool = False) -> Reply:
    """GET ``url`` on a connection of its own; POST it with a ``body``. With ``insecure`` any certificate is trusted.

    Raise `trio.TooSlowError` when there is no whole reply within ``timeout`` seconds, `OSError` when there is no server
    or what it sends is not a whole HTTP reply, and `UsageError` for a bad URL. Any status is a reply.
    """
    target = Target.parse(url)
    started = time.perf_counter()
    http = h11.Connection(h11.CLIENT)
    headers = [("Host", target.authority), ("Connection", "close")]
    if body is not None:
        headers.append(("Content-Length", str(len(body))))
    method = "GET" if body is None else "POST"
    request = http.send(h11.Request(method=method, target=target.path, headers=headers)) or b""
    request += http.send(h11.Data(data=body or b"")) or b""
    http.send(h11.EndOfMessage())
    with trio.fail_after(timeout):
        try:
            async with await _connect(target, insecure) as stream:
                await stream.send_all(request)
                head, received = await _reply(http, stream)
        except trio.BrokenResourceError as error:
            raise ConnectionError(f"{url}: the connection broke") from error
        except h11.RemoteProtocolError as error:
            raise ConnectionError(
                f"{url}: the server closed the connection within its reply, or this is not HTTP"
            ) from error
    return Reply(
        status=head.status_code,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
        body=bytes(received),
        latency=time.perf_counter() - started,
    )


async def _connect(target: Target, insecure: bool) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    try:
        stream = await trio.open_tcp_stream(target.host, target.port)
    except UnicodeError:
        raise OSError(f"{target.host!r} is not a valid host name") from None
    if not target.secure:
        return stream
    context = client_context(insecure=insecure)
    return trio.SSLStream(stream, context, server_hostname=target.name, https_compatible=True)


async def _reply(http: h11.Connection, stream: trio.abc.Stream) -> tuple[h11.Response, bytearray]:
    """The head and the body of the reply; those of a 1xx are passed over. Raises `h11.RemoteProtocolError`."""
    head, body = None, bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(_RECEIVE)))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None  # h11 lets no message end that has not begun
            return head, body
