"""Reading replies: HTTP, and no sockets.

A reader belongs to one connection and reads one reply at a time, in whatever pieces it comes. Bodies are not kept.
"""

from __future__ import annotations

import httptools

_LONGEST_HEAD = 1 << 16  # more is malformed: a server that never ends its headers must not fill our memory
_END_OF_HEAD = b"\r\n\r\n"


class BadReply(Exception):
    """The connection failed its request; the text is the kind of the error."""


class ReplyReader:
    """Reads replies that may have a body.

    No ``on_header``: it alone would double the cost of a reply (0.8 µs more for five headers). The one question it
    would answer, whether a body lasts until the end of the stream, is answered from the head when the stream ends.
    """

    __slots__ = ("_head", "_headers_seen", "_parser", "_surplus", "_whole", "keep_alive", "midway", "status")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.keep_alive = True
        self.midway = False  # a part of a reply was read
        self._reset()

    def _reset(self) -> None:
        self._head = b""
        self._headers_seen = self._whole = self._surplus = False

    def feed(self, data: bytes) -> int:
        """The status when the reply is whole, else 0. Raise `BadReply` when it is not HTTP.

        What follows a whole reply unasked does not spoil it, but the connection is not to be used again.
        """
        in_head = not self._headers_seen
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._whole:
                raise BadReply("malformed reply") from None
            self._surplus = True
        if self._whole:
            return self._finish()
        self.midway = True
        if in_head:
            self._head += data
            if not self._headers_seen and len(self._head) > _LONGEST_HEAD:
                raise BadReply("malformed reply")
        return 0

    def end(self) -> int:
        """The stream has ended: the status if the reply was to end so, else raise `BadReply`."""
        heads = self._head.lower().split(_END_OF_HEAD)
        head = next((head for head in heads if not head.startswith(b"http/1.1 1")), b"")
        framed = b"\ncontent-length:" in head or b"\ntransfer-encoding:" in head
        if not self._headers_seen or framed:
            raise BadReply("closed within a reply" if self.midway else "closed without a reply")
        self.status = self._parser.get_status_code()
        self._surplus = True
        return self._finish()

    def _finish(self) -> int:
        self.keep_alive = self.keep_alive and not self._surplus
        self.midway = False
        self._reset()
        return self.status

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self._whole:
            self._surplus = True

    def on_headers_complete(self) -> None:
        # 1xx is not the reply: that follows it.
        self._headers_seen = self._parser.get_status_code() >= 200

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self._whole:
            self._whole = True
            self.status = status
            self.keep_alive = self._parser.should_keep_alive()


class HeadReader(ReplyReader):
    """Reads replies to HEAD. They end with their head, whatever length it gives for the body that is not sent."""

    __slots__ = ()

    def feed(self, data: bytes) -> int:
        self._head += data
        while _END_OF_HEAD in self._head:
            head, end, self._head = self._head.partition(_END_OF_HEAD)
            found = _Head(head + end)
            if found.status >= 200:
                self.status = found.status
                self._surplus = bool(self._head)
                self.keep_alive = found.keep_alive
                return self._finish()
        if len(self._head) > _LONGEST_HEAD:
            raise BadReply("malformed reply")
        self.midway = True
        return 0

    def end(self) -> int:
        raise BadReply("closed within a reply" if self.midway else "closed without a reply")


class _Head:
    """One parsed head. The parser's own answer on keep-alive depends on a body, so it is found from the headers."""

    def __init__(self, head: bytes) -> None:
        self._connection = b""
        parser = httptools.HttpResponseParser(self)
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise BadReply("malformed reply") from None
        self.status: int = parser.get_status_code()
        options = {option.strip() for option in self._connection.split(b",")}
        persistent = parser.get_http_version() >= "1.1"
        self.keep_alive = b"close" not in options and (persistent or b"keep-alive" in options)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"connection":
            self._connection += b"," + value.lower()
