"""The one reply as each layer needs it, and the listening socket that all of them use."""

from __future__ import annotations

import socket

import h11

BODY = b'{"status":"ok","layers":"this is all there is"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
REPLY = b"HTTP/1.1 200 \r\n" + b"".join(b"%s: %s\r\n" % header for header in HEADERS) + b"\r\n" + BODY

BLANK_LINE = b"\r\n\r\n"

# As the lab's own server has them: hypercorn's 100 and 1000 bend a load test.
BACKLOG = 1024
KEEP_ALIVE_REQUESTS = 10**9

MOST = 65_536  # bytes of one read


def listening() -> socket.socket:
    """A socket that listens on a free port of the loopback interface."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def answer(connection: h11.Connection, data: bytes) -> bytes:
    """Take what has arrived; returns what to send: a reply for each request that is whole. h11's own errors go through."""
    connection.receive_data(data)
    said = b""
    while True:
        event = connection.next_event()
        if event is h11.PAUSED:
            connection.start_next_cycle()
        elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
            return said
        elif isinstance(event, h11.EndOfMessage):
            for part in (h11.Response(status_code=200, headers=HEADERS), h11.Data(data=BODY), h11.EndOfMessage()):
                said += connection.send(part) or b""
            if connection.our_state is h11.MUST_CLOSE:
                return said
