"""Plain requests: GET requests whose whole head has come, and asks for nothing unusual.

The job of a plain request may be run before h11, `framing` and `head` see it. So each of them must accept every request that is
plain here, and read it in the same way. The opposite need not hold: what is not plain takes the usual way, and is refused there
if it must be. Not plain are requests with a body, ``Expect`` or an offer to upgrade, HTTP/1.0, and heads that come in two
pieces, are over 4 KB, or contain bytes that are not printable ASCII.

Pure: takes bytes, and reads no more of them than the first head.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from .head import HOST

_MOST = 4_096  # bytes of a head
_END = b"\r\n\r\n"
_HEAD = re.compile(rb"GET (/[a-z-]++)(?:\?([\w.=&-]*+))? HTTP/1\.1\r\n((?:[A-Za-z0-9-]++:[\t\x20-\x7e]*+\r\n)++)\r\n")
_NOT_PLAIN = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))
_STAYS_OPEN: tuple[list[bytes], ...] = ([], [b"keep-alive"])
"""The Connection headers of a client that may send another request."""


class PlainQuery(dict[str, list[str]]):
    """The values of a query without any escapes, by name."""

    def getlist(self, key: str) -> list[str]:
        return self.get(key, [])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRequest:
    """A GET of ``path``. Its head has ``size`` bytes; with ``closes`` its client wants no further reply. The ``headers`` are as
    in an ASGI scope."""

    path: str
    query_string: bytes
    query: PlainQuery
    headers: tuple[tuple[bytes, bytes], ...]
    closes: bool
    size: int

    def scope(self, client: tuple[str, int] | None) -> dict[str, Any]:
        """The ASGI scope that the request will have, as far as it is known before there is a protocol."""
        return {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query_string,
            "headers": self.headers,
            "client": client,
        }


def plain_request(data: bytes) -> PlainRequest | None:
    """The request at the beginning of ``data``, if it is plain."""
    end = data.find(_END, 0, _MOST)
    return None if end < 0 else _read(data[: end + len(_END)])


@lru_cache(maxsize=256)  # clients repeat their heads to the byte, and parsing one costs a third of a refusal
def _read(head: bytes) -> PlainRequest | None:
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    path, query, lines = found.groups(b"")
    headers = tuple(_header(line) for line in lines.split(b"\r\n")[:-1])
    hosts = [value for name, value in headers if name == b"host"]
    connection = [value.lower() for name, value in headers if name == b"connection"]
    closes = connection == [b"close"]
    if not _NOT_PLAIN.isdisjoint(name for name, _ in headers) or not (closes or connection in _STAYS_OPEN):
        return None
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        return None
    return PlainRequest(
        path=path.decode(),
        query_string=query,
        query=PlainQuery(parse_qs(query.decode(), keep_blank_values=True)),
        headers=headers,
        closes=closes,
        size=len(head),
    )


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.strip(b"\t ")
