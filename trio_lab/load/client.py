"""One request and its whole reply, for probes and for experiments that read JSON: no load, no statistics."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httptools
import trio

from trio_lab.load.target import Target

_RECEIVE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole reply. Header names are in lower case; of a repeated header the last one is kept."""

    status: int
    headers: dict[str, str]
    body: bytes
    latency: float  # seconds, from before the connection was opened to the last byte


async def fetch(url: str, *, timeout: float = 5.0) -> Reply:
    """GET ``url`` on a connection of its own.

    Raise `trio.TooSlowError` when there is no whole reply within ``timeout`` seconds, `OSError` when there is no server
    or what it sends is not a whole HTTP reply, and `UsageError` for a bad URL. Any status is a reply.
    """
    target = Target.parse(url)
    started = time.perf_counter()
    reader = _Reader()
    with trio.fail_after(timeout):
        try:
            async with await trio.open_tcp_stream(target.host, target.port) as stream:
                await stream.send_all(target.request(close=True))
                while not reader.whole:
                    data = await stream.receive_some(_RECEIVE)
                    if not data:
                        break
                    reader.feed(data)
        except trio.BrokenResourceError as error:
            raise ConnectionError(f"{url}: the connection broke") from error
    if not reader.whole and not reader.lasts_until_end:
        raise ConnectionError(f"{url}: the server closed the connection before its reply was whole")
    return Reply(
        status=reader.status,
        headers=reader.headers,
        body=bytes(reader.body),
        latency=time.perf_counter() - started,
    )


class _Reader:
    """Called by the parser; keeps what it found."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.whole = False

    @property
    def lasts_until_end(self) -> bool:
        """The reply has begun and does not say where it ends, so the end of the stream ends it."""
        return bool(self.status) and not {"content-length", "transfer-encoding"} & self.headers.keys()

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.whole:
                raise ConnectionError("the reply is not HTTP") from error

    def on_message_begin(self) -> None:
        if not self.whole:
            self.headers.clear()  # those of a 1xx

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.whole:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if not self.whole and self._parser.get_status_code() >= 200:
            self.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        if not self.whole:
            self.body += data

    def on_message_complete(self) -> None:
        self.whole = self.whole or self.status >= 200
