"""A client that speaks bytes: what no HTTP library sends, and every way in which a client can leave."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import trio

from ..load.target import Target

_RECEIVE = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing discards what was not sent, and resets


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All that the server sent, how that ended, and when, by the monotonic clock. ``open``: it did not end in time."""

    data: bytes
    end: Literal["closed", "reset", "open"]
    at: float

    @property
    def statuses(self) -> tuple[int, ...]:
        """Of the whole replies."""
        return tuple(status for status, _ in replies(self.data))


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of a request, with only the headers that are given, after Host."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: drill", *headers, "", ""]).encode() + body


def replies(data: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each whole reply in ``data``. The servers give each reply a Content-Length, except 100 and 101."""
    found: list[tuple[int, bytes]] = []
    while first := _first_reply(data):
        status, body, data = first
        found.append((status, body))
    return found


def _first_reply(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Status, body, and what comes after them."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    length = _content_length(head)
    if not separator or not head.startswith(b"HTTP/1.") or len(rest) < length:
        return None
    return int(head[9:12]), rest[:length], rest[length:]


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class RawClient:
    """One connection. Each method may be called after the server has left; then sending returns False."""

    def __init__(self, connected: trio.socket.SocketType) -> None:
        self._socket = connected
        self._heard = b""
        self.opened = time.monotonic()

    async def send(self, data: bytes) -> bool:
        try:
            while data:
                data = data[await self._socket.send(data) :]
        except OSError:
            return False
        return True

    async def hear(self, limit: float) -> Heard:
        """Read until the server closes, for at most ``limit`` seconds."""
        heard, self._heard = bytearray(self._heard), b""
        end: Literal["closed", "reset", "open"] = "open"
        with trio.move_on_after(limit):
            try:
                while data := await self._socket.recv(_RECEIVE):
                    heard += data
                end = "closed"
            except OSError:
                end = "reset"
        return Heard(data=bytes(heard), end=end, at=time.monotonic())

    async def reply(self, limit: float) -> tuple[int, bytes] | None:
        """Status and body of the next reply; None when the server closes before its end, or ``limit`` seconds are over."""
        with trio.move_on_after(limit), suppress(OSError):
            while not (first := _first_reply(self._heard)):
                if not (data := await self._socket.recv(_RECEIVE)):
                    return None
                self._heard += data
            status, body, self._heard = first
            return status, body
        return None

    async def first_byte(self, limit: float) -> bool:
        """Whether something came within ``limit`` seconds. It is not read."""
        with trio.move_on_after(limit), suppress(OSError):
            return bool(await self._socket.recv(1, socket.MSG_PEEK))
        return False

    def half_close(self) -> None:
        """Send FIN, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """FIN; what the server sends from now on is answered with RST."""
        self._socket.close()

    def reset(self) -> None:
        """RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()


@asynccontextmanager
async def raw_client(url: str, *, receive_buffer: int | None = None) -> AsyncIterator[RawClient]:
    """A connection to the server at ``url`` for the length of the block.

    ``receive_buffer`` bounds the bytes that the kernel takes in for a client that does not read. Raises `OSError` when
    the server does not accept it.
    """
    target = Target.parse(url)
    connected = trio.socket.socket(socket.AF_INET6 if ":" in target.host else socket.AF_INET)
    with connected:
        if receive_buffer is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await connected.connect((target.host, target.port))
        yield RawClient(connected)
